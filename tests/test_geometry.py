"""Sharing an iteration out: whole groups, the same number to each process, the same optimizer steps on any number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from genrl.config import RunConfig, resolve
from genrl.errors import ConfigError
from genrl.estimate.sharing import geometry_of
from genrl.geometry import batches_of, prompts_of_each
from genrl.types import Unit


@pytest.mark.parametrize(
    ("prompts", "processes", "cure"),
    [
        (6, 4, "Set train.prompts_per_iteration to 4 or 8, or start 3 or 6 processes."),
        (8, 3, "Set train.prompts_per_iteration to 6 or 9, or start 2 or 4 processes."),
        (1, 2, "Set train.prompts_per_iteration to 2, or start 1 processes."),
        (7, 5, "Set train.prompts_per_iteration to 5 or 10, or start 1 or 7 processes."),
    ],
)
def test_uneven_shares_name_the_nearest_that_work(prompts: int, processes: int, cure: str) -> None:
    with pytest.raises(ConfigError) as refused:
        prompts_of_each(prompts, processes)
    assert cure in str(refused.value)
    for number in [int(word.strip(",.")) for word in cure.split("or start")[0].split() if word.strip(",.").isdigit()]:
        assert number % processes == 0


def test_rollouts_take_so_many_prompts_at_once() -> None:
    assert batches_of(5, 2) == (2, 2, 1)
    assert batches_of(5, 0) == batches_of(5, 9) == (5,)


def config(**changes: int) -> RunConfig:
    found = resolve("neighbor-grpo", preset="none", sets=["update_every=anchor", "model.path=scenes"])
    return replace(found, train=replace(found.train, prompts_per_iteration=12, **changes))


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 6, 12])
def test_optimizer_steps_and_trained_rows_do_not_depend_on_processes(processes: int) -> None:
    alone, each = geometry_of(config(), 1), geometry_of(config(), processes)
    assert each.prompts * processes == alone.prompts == 12
    assert each.updates == alone.updates == 4
    assert sum(each.passes) * processes == sum(alone.passes)


def test_rows_bound_a_process_and_rollout_prompts_its_batches() -> None:
    each = geometry_of(config(rows=4, rollout_prompts=4), 2)
    assert each.batches == (4, 2)
    assert max(each.passes) == 4


def test_an_algorithm_that_steps_once_for_each_group_needs_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = config()
    updates = type(asked.algorithm).updates

    def one_by_one(self, groups, rows, rng) -> list[list[Unit]]:  # type: ignore[no-untyped-def]
        return [units for group in groups for units in updates(self, [group], rows, rng)]

    monkeypatch.setattr(type(asked.algorithm), "updates", one_by_one)
    with pytest.raises(ConfigError, match="takes 48 optimizer steps with 12 prompts and 24 with 6"):
        geometry_of(asked, 2)
