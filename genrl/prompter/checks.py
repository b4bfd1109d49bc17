"""What can be known to fail before a weight is loaded, for the training of a prompt writer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genrl import launched
from genrl.config.checks import check_device, check_model, check_prompts, check_rewards, check_switches, check_trackers
from genrl.config.resume import FILE
from genrl.errors import ConfigError
from genrl.prompter.config import PrompterConfig
from genrl.prompter.grpo import check_trl, grpo_config
from genrl.prompter.language_model import asking_of, check_language_model, is_adapter
from genrl.prompter.rewards import faithfulness, text_rewards
from genrl.types import Prompt

#: Requests whose faithfulness is tried out before the run.
TRIED = 64


def check_prompter(config: PrompterConfig, resuming: bool = False) -> None:
    """Raise the first thing that stands in the way, as a GenrlError."""
    check_trl()
    if launched.count() > 1:
        raise ConfigError("A prompt writer is trained by one process; start it without a launcher.")
    grpo_config(config, reward_weights(config))
    asking_of(config.writer, check_language_model(config.writer))
    if config.writer.weights == "full" and is_adapter(config.writer):
        raise ConfigError(f"{config.writer.path!r} is an adapter, which goes on as one; set writer.weights=lora.")
    text_rewards(config.text_rewards)
    check_model(config.flow.model)
    check_switches(config.flow.model)
    check_rewards(config.flow.rewards)
    check_prompts(config.flow.prompts)
    check_device(config.flow.run, config.flow.train)
    check_trackers(config.flow.run)
    if config.flow.run.output:
        _check_output(Path(config.flow.run.output), resuming)


def reward_weights(config: PrompterConfig) -> list[float]:
    """Of the pictures, of the faithfulness, and of the user's rewards of texts, in that order."""
    return [1.0, config.writer.faithfulness_weight, *(one.weight for one in config.text_rewards)]


def check_requests(component: Any, requests: list[Prompt]) -> None:
    """That the faithfulness can judge these requests: tried on the first ones, as if they were left as they are."""
    first = requests[:TRIED]
    faithfulness(component, first, [prompt.asked for prompt in first])


def _check_output(folder: Path, resuming: bool) -> None:
    from genrl.config.checks import check_output

    if (folder / FILE).exists() and not resuming:
        raise ConfigError(
            f"{str(folder)!r} already holds a run; continue it with `genrl train-prompter --resume {folder}`, "
            "or choose another --output."
        )
    check_output(folder, resuming)
