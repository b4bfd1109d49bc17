"""The rewards of a run, from the forms in which they may be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genrl.errors import ConfigError
from genrl.settings import RewardSettings
from genrl.spec import merge


def parse_rewards(value: Any) -> tuple[RewardSettings, ...]:
    """Rewards from `{name: weight}`, or from one or a list of texts (`clip=0.3`) and of `{name, weight, options}`."""
    if isinstance(value, Mapping) and "name" not in value:
        return tuple(_reward({"name": name, "weight": weight}) for name, weight in value.items())
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(parse_reward(item) if isinstance(item, str) else _reward(item) for item in items)


def parse_reward(text: str) -> RewardSettings:
    """`name` or `name=weight`."""
    name, equals, weight = text.strip().rpartition("=")
    if not equals:
        return _reward({"name": text.strip()})
    return _reward({"name": name.strip(), "weight": weight.strip()})


def _reward(fields: Any) -> RewardSettings:
    if not isinstance(fields, Mapping) or not fields.get("name"):
        raise ConfigError(f"A reward is written as NAME, NAME=WEIGHT or {{name: NAME, weight: 1.0}}, got {fields!r}.")
    return merge(RewardSettings(str(fields["name"])), fields, f"rewards.{fields['name']}")
