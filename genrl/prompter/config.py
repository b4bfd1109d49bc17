"""What decides the training of a prompt writer, resolved from the few things that were said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from genrl.config import RunConfig
from genrl.config.layers import Change, Layer, applied, parse_set
from genrl.config.rewards import parse_rewards
from genrl.config.text import dump, read_mapping
from genrl.config.world import SCENES
from genrl.errors import ConfigError
from genrl.faithfulness import Faithfulness
from genrl.judging.source import find
from genrl.prompter.folder import ALGORITHM
from genrl.prompter.settings import WriterSettings
from genrl.registry import suggestion
from genrl.settings import RewardSettings
from genrl.spec import from_spec, merge, override, to_spec

#: Settings that are tuned for the embedded writer.
PRESET = Path(__file__).parent / "scenes.yaml"
#: Sections of a `RunConfig` that mean here what they mean there.
SHARED = ("sampling", "model", "rewards", "prompts", "evaluation", "alarms", "run")
OWN = ("source", "writer", "text_rewards", "grpo")
#: Settings of those sections that TRL's trainer has under another name, or not at all ("").
ELSEWHERE = {
    "run.save_steps": "grpo.save_steps",
    "run.save_total_limit": "grpo.save_total_limit",
    "run.hub_model_id": "grpo.hub_model_id",
    "run.hub_private_repo": "grpo.hub_private_repo",
    "run.self_check": "",
    "evaluation.best_by": "",
    "evaluation.patience": "",
    "prompts.streaming": "",
    "prompts.prompter": "writer.path",
    "prompts.shuffle": "grpo.shuffle_dataset",
}


@dataclass(frozen=True)
class PrompterConfig:
    """source: the flow model as the user named it: a run, an exported or diffusers folder, a hub id or scenes.

    flow: its base, how it is sampled, scored and evaluated; `tuned`: its folder of trained weights if it has one.
    text_rewards: TRL reward functions that see the text alone, `module:function` or `file.py:function` each.
    grpo: fields of TRL's GRPOConfig that differ from `genrl.prompter.grpo.DEFAULTS`.
    """

    source: str
    flow: RunConfig
    tuned: Path | None = None
    writer: WriterSettings = field(default_factory=WriterSettings)
    text_rewards: tuple[RewardSettings, ...] = ()
    grpo: Mapping[str, Any] = field(default_factory=dict)


def resolve_prompter(
    *,
    source: str | None = None,
    config: Path | Mapping[str, Any] | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> PrompterConfig:
    """Later layers win: defaults, the flow model's own settings, the preset, the file, `--set`, flags.

    source: the flow model; None takes the file's, else the embedded one. The other arguments as in `genrl.config.resolve`. Only
    the embedded writer has a preset.
    """
    data = dict(read_mapping(config) if isinstance(config, Path) else config or {})
    if data.get("algorithm") == {"name": ALGORITHM}:
        data = {key: value for key, value in data.items() if key not in ("algorithm", "train")}  # as `to_plain` wrote them
    asked = dict(flags or {})
    name = source or data.get("source") or (data.get("model") or {}).get("path") or SCENES
    found = find(str(name))
    # A model that was trained behind one writer is to get another.
    flow = replace(found.config, prompts=replace(found.config.prompts, prompter=""))
    start = PrompterConfig(str(name), flow, found.tuned, WriterSettings(faithfulness=faithfulness_of(flow)))
    rewards = [("rewards", asked.pop("rewards"))] if "rewards" in asked else []
    changes = [*_leaves(data), *rewards, *(parse_set(text) for text in sets), *asked.items()]
    changes = [change for change in changes if change[0] != "source"]
    return changed(start, [*_leaves(preset_of(changes)), *changes])


def preset_of(changes: Sequence[Change]) -> Mapping[str, Any]:
    """The sections that are tuned for the writer that the changes ask for: the embedded one's would ruin another."""
    paths = [value for path, value in changes if path == "writer.path"]
    sections = [value for path, value in changes if path == "writer" and isinstance(value, Mapping)]
    named = paths or [section.get("path") for section in sections]
    return read_mapping(PRESET) if named and named[-1] == SCENES else {}


def changed(config: PrompterConfig, changes: Sequence[Change]) -> PrompterConfig:
    """The configuration after all changes, in order; ConfigError for a setting that is not one."""
    for path, value in changes:
        head, _, rest = path.partition(".")
        if head == "writer":
            part = override(config.writer, rest, value, "writer") if rest else merge(config.writer, value, "writer")
            config = replace(config, writer=part)
        elif head == "grpo":
            config = replace(config, grpo={**config.grpo, **({rest: value} if rest else dict(value or {}))})
        elif path == "text_rewards":
            config = replace(config, text_rewards=parse_rewards(value))
        else:
            config = replace(config, flow=_flow(config.flow, path, value))
    return config


def to_plain(config: PrompterConfig) -> dict[str, Any]:
    """Plain data with the keys of a configuration file; `algorithm` and `train` are for readers of any run."""
    sections = {name: to_spec(getattr(config.flow, name)) for name in SHARED}
    for path in ELSEWHERE:
        section, _, key = path.partition(".")
        sections[section].pop(key)
    steps = {"algorithm": {"name": ALGORITHM}, "train": {"max_steps": max_steps(config)}}
    own = {name: to_spec(getattr(config, name)) for name in OWN}
    return steps | own | sections


def to_yaml(config: PrompterConfig) -> str:
    return dump(to_plain(config))


def max_steps(config: PrompterConfig) -> int:
    from genrl.prompter.grpo import DEFAULTS

    return config.grpo.get("max_steps", DEFAULTS["max_steps"])


def faithfulness_of(flow: RunConfig) -> Faithfulness:
    """The embedded world decides faithfulness exactly; elsewhere words do."""
    return from_spec("faithfulness", SCENES if flow.model.path == SCENES else "content-words")


def _leaves(data: Mapping[str, Any]) -> Iterator[Change]:
    """The changes of a file; sections one key at a time, so that each is looked at."""
    for name, value in data.items():
        if name in SHARED and name != "rewards" and isinstance(value, Mapping):
            yield from ((f"{name}.{key}", part) for key, part in value.items())
        else:
            yield name, value


def _flow(flow: RunConfig, path: str, value: Any) -> RunConfig:
    head = path.partition(".")[0]
    if head not in SHARED:
        hint = " TRL trains the writer: its settings are grpo.NAME." if head in ("train", "algorithm") else ""
        known = suggestion(head, [*SHARED, *OWN])
        raise ConfigError(f"The training of a prompt writer has no setting {path!r}{known}{hint}")
    if path in ELSEWHERE:
        instead = f"set {ELSEWHERE[path]}" if ELSEWHERE[path] else "leave it out"
        raise ConfigError(f"{path} means nothing to TRL, which trains the prompt writer; {instead}.")
    if path == "model.path" and value != flow.model.path:
        raise ConfigError(f"The flow model is given as --model, or as source in a file; leave model.path={value} out.")
    return applied(flow, [Layer.of({path: value})])
