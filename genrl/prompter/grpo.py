"""TRL's GRPOConfig from `grpo.NAME` settings: names and types are checked, and what genrl decides is refused."""

from __future__ import annotations

from dataclasses import fields
from importlib.util import find_spec
from typing import Any

from genrl.errors import ConfigError
from genrl.judging.source import device_of
from genrl.prompter.config import PrompterConfig
from genrl.prompter.quiet import quiet
from genrl.registry import suggestion
from genrl.values import field_types, validated

#: Where prompts differ from the reasoning that TRL's own defaults are made for: they are short and saved often, and nobody
#: knows the scale of the pictures' reward, so each reward is normalised before they are summed (GDPO, arXiv:2601.05242)
#: and the faithfulness counts whatever that scale is.
DEFAULTS: dict[str, Any] = {
    "max_steps": 100,
    "num_generations": 8,
    "per_device_train_batch_size": 32,
    "max_completion_length": 128,
    "learning_rate": 1e-5,
    "gradient_checkpointing": False,
    "multi_objective_aggregation": "normalize_then_sum",
    "save_steps": 10,
    "save_total_limit": 2,
}
#: What is said elsewhere, so that it is said once.
SAID = {
    "output_dir": "--output",
    "seed": "--seed",
    "use_cpu": "--device",
    "report_to": "run.report_to",
    "reward_weights": "the weights of --reward and --text-reward, and writer.faithfulness_weight",
    "resume_from_checkpoint": "--resume",
    "logging_steps": "nothing, as every step is logged",
    "logging_strategy": "nothing, as every step is logged",
    "eval_strategy": "evaluation.every",
    "eval_steps": "evaluation.every",
    "do_eval": "evaluation.every",
    "model_init_kwargs": "writer.revision and writer.dtype",
    "trust_remote_code": "writer.trust_remote_code",
    "remove_unused_columns": "nothing, as rewards need the columns",
    "disable_tqdm": "nothing, as genrl draws the progress",
}


def check_trl() -> None:
    if find_spec("trl") is None:
        raise ConfigError("Training a prompt writer needs TRL; run `pip install 'genrl-toolkit[prompter]'`.")


def grpo_config(config: PrompterConfig, weights: list[float]) -> Any:
    """The GRPOConfig of a run; ConfigError for an unknown field, a wrong type, or sizes that do not divide.

    weights: of the reward functions, in their order.
    """
    from trl import GRPOConfig

    _check_names(config.grpo, {f.name for f in fields(GRPOConfig) if f.init})
    types = field_types(GRPOConfig)
    asked = {name: validated(types[name], value, f"grpo.{name}") for name, value in config.grpo.items()}
    settled = DEFAULTS | asked
    _check_sizes(settled)
    run = config.flow.run
    # TRL takes bfloat16 unless it is told not to, which a processor is slow at.
    precision = {} if device_of(run.device).type == "cuda" else {"bf16": False}
    try:
        with quiet():
            return GRPOConfig(
                **precision | settled,
                output_dir=run.output,
                seed=run.seed,
                use_cpu=run.device == "cpu",
                report_to=list(run.report_to) or "none",
                reward_weights=weights,
                logging_steps=1,
                disable_tqdm=True,
                trust_remote_code=config.writer.trust_remote_code,
                model_init_kwargs={"revision": config.writer.revision, "dtype": config.writer.dtype},
            )
    except (ValueError, TypeError) as error:
        raise ConfigError(f"TRL's GRPOConfig refuses these settings (grpo.NAME): {error}") from error


def requests_per_batch(grpo: Any) -> int:
    """Different requests whose completions are generated and scored together."""
    return grpo.generation_batch_size // grpo.num_generations


def _check_names(asked: Any, known: set[str]) -> None:
    for name in asked:
        if name in SAID:
            raise ConfigError(f"grpo.{name} is decided by {SAID[name]}; leave it out.")
        if name not in known:
            near = suggestion(name, known - SAID.keys()).partition(" Known:")[0]
            raise ConfigError(f"TRL's GRPOConfig has no field {name!r} (grpo.{name}){near}")


def _check_sizes(settled: dict[str, Any]) -> None:
    """Of one process; TRL looks at several itself."""
    group = settled["num_generations"]
    if group < 2:
        raise ConfigError(f"grpo.num_generations must be at least 2, got {group}: a group of one has nothing to compare.")
    rows = settled["per_device_train_batch_size"]
    steps = settled.get("steps_per_generation") or settled.get("gradient_accumulation_steps", 1)
    batch = settled.get("generation_batch_size") or rows * steps
    if batch % group:
        what = f"{rows} x {steps} = {batch}" if batch == rows * steps else str(batch)
        raise ConfigError(
            f"{what} completions cannot be divided into groups of {group}; set grpo.per_device_train_batch_size to a multiple "
            f"of grpo.num_generations, such as {max(1, round(rows / group)) * group}."
        )
