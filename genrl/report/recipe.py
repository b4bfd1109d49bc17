"""What was run, in the order in which a reader asks: from the configuration and the environment of a run, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from genrl.registry import entries
from genrl.report.folder import RunFolder

if TYPE_CHECKING:
    # A list of runs is read without torch, which types.py imports.
    from genrl.types import Paper

#: Of the environment, what is hardware, and when the run began; the rest are versions.
HARDWARE, STARTED = ("device", "cpu_count"), "started"


def paper(run: RunFolder) -> Paper | None:
    """The paper of the run's algorithm, if the algorithm is installed here and names one."""
    found = entries("algorithm").get(run.algorithm)
    return found.facts.get("paper") if found else None


def settings(run: RunFolder) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Headed groups of (setting, value)."""
    config = run.config
    yield "Algorithm", _rows(config["algorithm"])
    for section in ("writer", "grpo", "sampling", "model"):
        if section in config:  # the first two are those of a prompt writer
            yield section.capitalize(), _rows(config[section])
    yield "Rewards", [(reward["name"], _reward(reward)) for reward in config["rewards"]]
    for section in ("prompts", "train", "evaluation"):
        yield section.capitalize(), _rows(config[section])
    # What made it is told below, and the weights are the run's own.
    yield "Eval card", [row for row in _rows(run.card) if row[0] not in ("made with", "weights")]
    yield "Seeds", [("run", brief(config["run"]["seed"])), ("evaluation", brief(config["evaluation"]["seed"]))]
    yield "Hardware", [(name.replace("_", " "), run.environment[name]) for name in HARDWARE if name in run.environment]
    yield "Versions", [(name, brief(value)) for name, value in run.environment.items() if name not in (*HARDWARE, STARTED)]


def brief(value: Any) -> str:
    """Plain data on one line: a component as name(field=value, ...)."""
    if isinstance(value, Mapping):
        fields = ", ".join(_field(key, part) for key, part in value.items() if key != "name")
        name = value.get("name", "")
        return f"{name}({fields})" if name and fields else name or fields or "none"
    if isinstance(value, list):
        return ", ".join(brief(part) for part in value) or "none"
    return "none" if value is None or value == "" else str(value).lower() if isinstance(value, bool) else str(value)


def _field(key: str, part: Any) -> str:
    return f"{key}({brief(part)})" if isinstance(part, Mapping) and part and "name" not in part else f"{key}={brief(part)}"


def _rows(section: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key.replace("_", " "), brief(value)) for key, value in section.items()]


def _reward(reward: Mapping[str, Any]) -> str:
    role = f"weight {reward['weight']:g}" if reward["weight"] else "weight 0, only watched"
    called = f"called {reward['label']}" if reward.get("label") else ""
    options = brief(reward["options"]) if reward["options"] else ""
    return ", ".join(part for part in (role, called, options) if part)
