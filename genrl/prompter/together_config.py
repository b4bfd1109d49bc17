"""One configuration for both who learn: that of a flow model's run, of its prompt writer, and the number of rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genrl.bounds import Count
from genrl.config import RunConfig, check, resolve
from genrl.config import to_plain as run_to_plain
from genrl.config.layers import parse_set
from genrl.config.resume import flat
from genrl.config.text import dump, read_mapping
from genrl.errors import CheckpointError, ConfigError
from genrl.prompter.checks import check_prompter
from genrl.prompter.config import OWN, PrompterConfig, changed, faithfulness_of, preset_of
from genrl.prompter.settings import WriterSettings
from genrl.spec import to_spec
from genrl.values import validated

FILE = "together.yaml"
#: What a training in progress may be asked to change: what it has done so far stays as it is.
FREE = ("rounds", "run.device", "run.threads", "run.output")


@dataclass(frozen=True)
class TogetherConfig:
    """prompter: the writer's training; its `flow` is the run of the flow model, with algorithm and train settings of each
    round. rounds: turns of each; more let the two follow each other more closely.
    """

    prompter: PrompterConfig
    rounds: int = 2

    @property
    def folder(self) -> Path:
        return Path(self.prompter.flow.run.output)


def resolve_together(
    *,
    algo: str | None = None,
    config: Path | Mapping[str, Any] | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> TogetherConfig:
    """As `genrl.config.resolve`; `rounds`, `writer`, `text_rewards` and `grpo` are settings beside those of a run."""
    data = dict(read_mapping(config) if isinstance(config, Path) else config or {})
    said = [parse_set(text) for text in sets]
    ours = [(key, data.pop(key)) for key in ("rounds", *OWN) if key in data]
    ours += [change for change in said if _is_ours(change[0])]
    ours += [change for change in (flags or {}).items() if _is_ours(change[0])]
    plain = [text for text, change in zip(sets, said, strict=True) if not _is_ours(change[0])]
    preset = dict(preset_of(ours))
    ours = [(key, preset.pop(key)) for key in OWN if key in preset] + ours
    data = data | {name: {**part, **data.get(name, {})} for name, part in preset.items()}
    run = resolve(algo, config=data, sets=plain, flags={k: v for k, v in (flags or {}).items() if not _is_ours(k)})
    rounds = [value for path, value in ours if path == "rounds"]
    prompter = PrompterConfig(run.model.path, run, None, WriterSettings(faithfulness=faithfulness_of(run)))
    prompter = changed(prompter, [change for change in ours if change[0] not in ("rounds", "source")])
    return TogetherConfig(prompter, validated(Count, (rounds or [TogetherConfig.rounds])[-1], "rounds"))


def resumed_together(folder: Path, sets: Sequence[str] = (), flags: Mapping[str, Any] | None = None) -> TogetherConfig:
    """The configuration of a training in `folder`, with more rounds if asked; ConfigError for what may not change."""
    path = folder / FILE
    if not path.is_file():
        raise CheckpointError(f"There is no training of two in {str(folder)!r}: {path} is missing. Give its folder.")
    own = {"run.output": str(folder)}
    saved = resolve_together(config=path, flags=own)
    asked = resolve_together(config=path, sets=sets, flags={**(flags or {}), **own})
    before, after = flat(to_plain(saved)), flat(to_plain(asked))
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key) and key not in FREE:
            raise ConfigError(
                f"The training in {folder} has {key} = {before.get(key)!r}, so it cannot go on with {after.get(key)!r}; "
                "leave the option out, or start a new one."
            )
    return asked


def check_together(config: TogetherConfig, resuming: bool = False) -> None:
    """Raise the first thing that stands in the way of any turn, as a GenrlError; reads no weights."""
    flow = config.prompter.flow
    for name in ("bf16", "fp16"):
        if name in config.prompter.grpo:
            raise ConfigError(
                f"Both train in one process, which has one precision: leave grpo.{name} out and set train.mixed_precision."
            )
    if flow.prompts.streaming or flow.prompts.prompter:
        what = "streaming" if flow.prompts.streaming else "prompter"
        raise ConfigError(f"prompts.{what} has no place where a writer and a model learn together; leave it out.")
    check_prompter(config.prompter, resuming=True)
    check(flow, resuming=True)
    if (config.folder / FILE).exists() and not resuming:
        raise ConfigError(
            f"{str(config.folder)!r} already holds a training of two; continue it with "
            f"`genrl train-together --resume {config.folder}`, or choose another --output."
        )


def of_one_precision(config: TogetherConfig) -> TogetherConfig:
    """With the precision of the flow model's training for both."""
    precision = config.prompter.flow.train.mixed_precision
    grpo = {**config.prompter.grpo, "bf16": precision == "bf16", "fp16": precision == "fp16"}
    return replace(config, prompter=replace(config.prompter, grpo=grpo))


def to_plain(config: TogetherConfig) -> dict[str, Any]:
    own = {name: to_spec(getattr(config.prompter, name)) for name in OWN if name != "source"}
    return {"rounds": config.rounds} | own | run_to_plain(config.prompter.flow)


def to_yaml(config: TogetherConfig) -> str:
    return dump(to_plain(config))


def with_folder(config: TogetherConfig, folder: Path) -> TogetherConfig:
    flow: RunConfig = config.prompter.flow
    return replace(config, prompter=replace(config.prompter, flow=replace(flow, run=replace(flow.run, output=str(folder)))))


def _is_ours(path: str) -> bool:
    return path.partition(".")[0] in ("rounds", *OWN)
