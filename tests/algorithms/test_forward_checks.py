"""What cannot work with noised samples is refused before weights are loaded, and a unit holds what its loss compares."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from genrl.config import check_algorithm, resolve
from genrl.errors import ConfigError
from genrl.types import RolloutGroup
from tests.algorithms.test_forward_transcripts import CASES, GROUP, PROMPTS, RNG, credited
from tests.test_transcripts import Field


@pytest.mark.parametrize(
    ("recipe", "sets", "message"),
    [
        ("dgpo", ["train.rows=16"], "compares 24 rows .* train.rows to 24 or more"),
        ("crd", ["sampling.group_size=30"], "compares 30 rows"),
        ("online-dpo", ["train.rows=1"], "compares 2 rows"),
        ("online-dpo", ["members=every"], "set members=best-worst"),
        ("diffusion-nft", ["solver=flow-sde"], "choose an ODE solver"),
        ("diffusion-nft", ["snapshots=[]"], "The weights 'old' are asked for"),
        ("awm", ["rollout_weights=slow"], "The weights 'slow' are asked for"),
        ("awm", ["snapshots=[copied, ramp, {name: ramp, label: fast}]"], "same label"),
        ("awm", ["snapshots=[{name: copied, label: ema}]"], "choose another label"),
        ("diffusion-nft", ["updates_per_rollout=10"], "deals out 9 noise levels"),
        ("diffusion-nft", ["times.share=0.01", "times.initial=false"], "raise times.share"),
        ("diffusion-nft", ["sampling.group_size=1"], "nobody to be better than"),
    ],
)
def test_refused_with_the_cure(recipe: str, sets: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_algorithm(resolve(recipe, preset="none", sets=sets))


@pytest.mark.parametrize("rows", [GROUP, 2 * GROUP + 1, 1_000])
@pytest.mark.parametrize("name", CASES)
def test_compared_rows_stand_in_one_unit_at_one_draw(name: str, rows: int) -> None:
    recipe = CASES[name][0]
    seen: Counter[tuple[int, int]] = Counter()
    for units in recipe.updates(credited(recipe, Field(1)), rows, RNG):
        for unit in units:
            assert unit.point is not None
            assert unit.weight == len(unit.point.sigma) == len(unit.point.keys) <= rows
            for group, members in unit.parts:
                seen.update((group.prompt.index, int(member)) for member in members)
                if recipe.objective.compares != "nothing":
                    assert members.tolist() == learners(recipe, group)
    draws = len(recipe.times(credited(recipe, Field(1))[0].plan.sigmas, RNG.generator()))
    assert set(seen.values()) == {draws}
    assert len(seen) == PROMPTS * (2 if recipe.objective.compares == "pair" else GROUP)


def learners(recipe, group: RolloutGroup) -> list[int]:
    assert group.advantages is not None
    return recipe.members(group.advantages[:, 0]).tolist()


def test_rows_of_one_level_stand_together() -> None:
    """A model asks once for each level in a batch, so an update has about as many calls as levels."""
    recipe = CASES["diffusion-nft"][0]
    (units,) = recipe.updates(credited(recipe, Field(1)), 8, RNG)
    levels = torch.cat([unit.point.sigma for unit in units])  # type: ignore[union-attr]
    assert bool((levels.diff() <= 0.0).all())
    calls = sum(len(unit.point.sigma.unique()) for unit in units)  # type: ignore[union-attr]
    assert calls <= len(levels.unique()) + len(units)
