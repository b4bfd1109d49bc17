"""The eval card: everything that moves a score besides the weights, kept with the score."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from genrl import files
from genrl.errors import RunFolderError

#: What two comparable evaluations may differ in.
FREE = ("weights", "made_with")


@dataclass(frozen=True)
class EvalCard:
    """How pictures were drawn and scored. Published scores of one base differ twofold by these settings alone.

    prompts: `count` and `sha256` of the texts with their columns, in their order. samples: pictures, spread over them.
    seed: of the noise, which depends on it and on the picture's number alone.
    solver, steps, shift: the ODE; a shift of None is the model's own grid. store: the dtype that states are rounded to.
    call: what the pipeline is called with, such as guidance_scale; resolution: (height, width), of videos (frames, height,
        width), as drawn; None before anything is.
    dtype, mixed_precision: of the weights and of the autocast.
    rewards: by their names in the scores, each with its `reward`, `weight`, `options` and `version`.
    weights: `model` and `version` of the base, `trained`, the sha256 of the parameters that drew, and `source`.
    made_with: versions of libraries, and the device.
    """

    prompts: Mapping[str, Any]
    samples: int
    seed: int
    solver: str
    steps: int
    shift: float | None
    store: str
    call: Mapping[str, Any]
    dtype: str
    mixed_precision: str
    rewards: Mapping[str, Mapping[str, Any]]
    resolution: tuple[int, ...] | None = None
    weights: Mapping[str, str] = field(default_factory=dict)
    made_with: Mapping[str, str] = field(default_factory=dict)

    def with_weights(self, weights: Mapping[str, str]) -> EvalCard:
        return replace(self, weights=weights)

    def drawn(self, resolution: tuple[int, ...], trained: str) -> EvalCard:
        """Completed by what the first picture tells: its size, and the digest of the parameters that drew it."""
        return replace(self, resolution=resolution, weights={**self.weights, "trained": trained})

    def write(self, path: Path) -> None:
        files.write_text(path, json.dumps(asdict(self), indent=1))


def read_card(path: Path) -> EvalCard:
    """RunFolderError if the file is missing or is no card of this version."""
    try:
        plain = json.loads(path.read_text())
        resolution = plain.pop("resolution")
        return EvalCard(**plain, resolution=resolution and tuple(resolution))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RunFolderError(f"{path} is no eval card ({error}); evaluate again with `genrl eval`.") from error


def differences(one: EvalCard, other: EvalCard) -> dict[str, tuple[Any, Any]]:
    """Dotted field -> its two values, where the cards may not differ but do; a resolution not yet known is not compared."""
    mine, theirs = _flat(_compared(one)), _flat(_compared(other))
    if one.resolution is None or other.resolution is None:
        mine.pop("resolution"), theirs.pop("resolution")
    names = [*mine, *(name for name in theirs if name not in mine)]
    return {name: (mine.get(name), theirs.get(name)) for name in names if mine.get(name) != theirs.get(name)}


def _compared(card: EvalCard) -> dict[str, Any]:
    return {part.name: getattr(card, part.name) for part in fields(card) if part.name not in FREE}


def _flat(plain: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Dotted leaves; lists as tuples, since JSON does not tell them apart."""
    found: dict[str, Any] = {}
    for key, value in plain.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{head}{key}.")
        else:
            found[head + key] = tuple(value) if isinstance(value, list) else value
    return found
