"""Groups whose members all score the same are not asked in learning, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genrl.config import resolve
from genrl.processes import Processes
from genrl.rewards import RewardPanel, RewardTerm
from genrl.run import build
from genrl.trainer import Trainer
from genrl.types import Condition, Prompt, RolloutGroup, StepPlan, Unit

PROMPTS, GROUP, STEPS = 4, 4, 3
SETS = [
    "run.device=cpu",
    "run.threads=1",
    f"train.prompts_per_iteration={PROMPTS}",
    f"sampling.group_size={GROUP}",
    f"sampling.steps={STEPS}",
    "train.learning_rate=1e-3",
    "train.max_grad_norm=0",
    "steps.fraction=1.0",
    "evaluation.samples=2",
]


def flat_in(*flat: int) -> Any:
    """The brightness, but one number for all members of these groups."""

    def reward(prompts: list[str], completions: Any, **columns: Any) -> list[float]:
        values = [float(np.asarray(picture).mean()) for picture in completions]
        return [0.5 if row // GROUP in flat else value for row, value in enumerate(values)]

    return reward


def trainer(recipe: str, flat: tuple[int, ...], *sets: str) -> Trainer:
    built = build(resolve(recipe, preset="none", sets=[*SETS, *sets]), Path("unused"), None)
    return replace(built, rewards=RewardPanel([RewardTerm("bright", flat_in(*flat))]))


def never_idle(group: RolloutGroup, name: str, value: Any) -> None:
    object.__setattr__(group, name, value if name != "idle" else False)


def learnt(run: Trainer, monkeypatch: pytest.MonkeyPatch, *, skips: bool) -> tuple[dict[str, float], list[torch.Tensor]]:
    """The row of the first iteration, and the gradients of all its updates."""
    gradients: list[torch.Tensor] = []
    step = run.optimization.step

    def watched() -> tuple[float, bool]:
        gradients.extend(p.grad.clone() for p in run.policy.parameters() if p.grad is not None)
        return step()

    with monkeypatch.context() as patch:
        patch.setattr(run.optimization, "step", watched)
        if not skips:
            patch.setattr(RolloutGroup, "__setattr__", never_idle)
        return run.iterate(0), gradients


@pytest.mark.parametrize("recipe", ["dance-grpo", "neighbor-grpo"])
@pytest.mark.parametrize("rows", [4, 6])
def test_the_gradient_is_that_of_all_rows(recipe: str, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = (f"train.rows={rows}", "update_every=rollout", *(["anchors.count=4"] if recipe == "neighbor-grpo" else []))
    row, gradients = learnt(trainer(recipe, (0, 2), *sets), monkeypatch, skips=True)
    every, expected = learnt(trainer(recipe, (0, 2), *sets), monkeypatch, skips=False)
    assert row["frac_reward_zero_std"] == 0.5
    # Eight of sixteen rows teach; with six at once they take two units, of which flat groups fill up the second.
    asked = {4: 8, 6: 12}[rows] * every["backwards"] / 16
    assert (row["backwards"], row["idle_backwards"]) == (asked, every["backwards"] - asked)
    assert every["idle_backwards"] == 0
    assert row["optimizer_steps"] == every["optimizer_steps"]
    assert len(gradients) == len(expected) > 0
    for mine, theirs in zip(gradients, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6 * float(theirs.abs().max()))
    assert any(bool(gradient.any()) for gradient in gradients)
    # The metrics are those of the rows that teach, however they are packed.
    other, _ = learnt(trainer(recipe, (0, 2), f"train.rows={10 - rows}", *sets[1:]), monkeypatch, skips=True)
    for name in ("loss", "log_ratio_abs_max", "clip_ratio/region_mean", "ratio_mean"):
        assert row[name] == pytest.approx(other[name], abs=1e-5)


def test_a_flat_iteration_is_an_update_without_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is not no update: momentum and weight decay go on."""
    ends = []
    for skips in (True, False):
        run = trainer("dance-grpo", (), "train.rows=4")
        run.iterate(0)
        run.rewards = RewardPanel([RewardTerm("bright", flat_in(*range(PROMPTS)))])
        before = [parameter.detach().clone() for parameter in run.policy.parameters()]
        row, gradients = learnt(run, monkeypatch, skips=skips)
        assert row["grad_norm"] == 0.0
        assert row["optimizer_steps"] == 1
        assert not any(gradient.any() for gradient in gradients)
        assert not all(p.equal(old) for p, old in zip(run.policy.parameters(), before, strict=True))
        assert ("loss" in row) is not skips
        assert row["backwards"] == (4 if skips else PROMPTS * GROUP * (row["backwards"] // (PROMPTS * GROUP)))
        ends.append([parameter.detach() for parameter in run.policy.parameters()])
    assert all(mine.equal(theirs) for mine, theirs in zip(*ends, strict=True))


def test_a_penalty_teaches_in_flat_groups_too(monkeypatch: pytest.MonkeyPatch) -> None:
    row, _ = learnt(trainer("dance-grpo", (0, 2), "regularizers=[kl-velocity]"), monkeypatch, skips=True)
    assert row["idle_backwards"] == 0


def unit(*idle: bool) -> Unit:
    """Two rows of each of so many groups."""
    plan = StepPlan((1.0, 0.0), (False,), torch.tensor([0]))
    groups = [RolloutGroup(Prompt("a"), Condition(("a",) * GROUP), plan, torch.zeros(GROUP, 1), {}, idle=flag) for flag in idle]
    return Unit(tuple((group, torch.arange(2)) for group in groups), skips=True)


@pytest.mark.parametrize(("theirs", "asked"), [((12, 4), []), ((12, 0), [0])])
def test_all_processes_decide_whether_there_is_anything_to_ask(theirs: tuple[int, int], asked: list[int]) -> None:
    class Two(Processes):
        def tell(self, message: Any) -> list[Any]:
            return [message, [theirs]]

    own = [unit(True, True), unit(True)]
    assert list(Two().level([own])) == [([own[k] for k in asked], 6 + 12)]
    assert list(Two().level([])) == [([], 12)], "a process that has lost all its groups takes part"
    mixed = [unit(False, True), unit(True), unit(False)]
    assert list(Processes().level([mixed])) == [([mixed[0], mixed[2]], 8)]
    assert [each.live for each in mixed] == [2, 0, 2]
