"""An algorithm that is only counted asks for what the trainer counts."""

from __future__ import annotations

import pytest

from genrl.config import resolve
from genrl.estimate.work import work
from genrl.schedule import shift_grid
from tests.test_counts import ANCHORS, EXPECTED, GROUP, OWN, PROMPTS, READING, SMALL, STEPS, SUBSET

GRID = shift_grid(STEPS, 1.0)


def config(algorithm: str, *sets: str):
    return resolve(algorithm, preset="none", sets=[*SMALL, "model.weights=full", *sets])


@pytest.mark.parametrize("algorithm", EXPECTED)
def test_counts_are_the_trainers(algorithm: str) -> None:
    forwards, snapshots, references, backwards, updates = EXPECTED[algorithm]
    settled = config(algorithm, *OWN.get(algorithm, []))
    asked = work(settled, shift_grid(settled.sampling.steps, 1.0))
    assert asked.counts == {
        "forwards": PROMPTS * forwards,
        "snapshot_forwards": PROMPTS * snapshots,
        "reference_forwards": PROMPTS * references,
        "backwards": PROMPTS * backwards,
        "idle_backwards": 0,
        "decodes": 0 if algorithm in READING else PROMPTS * GROUP,
        "encodes": PROMPTS,
        "optimizer_steps": updates,
        "calls": len(asked.asked) + len(asked.trained),
    }
    assert sum(asked.asked) == PROMPTS * (forwards + snapshots + references)
    assert sum(asked.trained) == PROMPTS * backwards


def test_batches_are_those_of_the_settings() -> None:
    whole = work(config("neighbor-grpo", "update_every=rollout"), GRID)
    assert whole.asked == (PROMPTS * GROUP,) * STEPS
    assert whole.trained == (PROMPTS * ANCHORS,) * SUBSET
    split = work(config("neighbor-grpo", "train.rollout_prompts=1", "train.rows=3", "update_every=rollout"), GRID)
    assert split.asked == (GROUP,) * (STEPS * PROMPTS)
    assert split.decoded == (GROUP,) * PROMPTS
    assert max(split.trained) == 3
    assert split.counts | {"calls": 0} == whole.counts | {"calls": 0}


def test_rewards_on_latents_need_no_decoder(tmp_path, monkeypatch) -> None:
    (tmp_path / "norms.py").write_text(
        "def norm(prompts, completions, **columns):\n    return completions.flatten(1).norm(dim=1).tolist()\n"
        "norm.media = 'latent'\n"
    )
    monkeypatch.chdir(tmp_path)
    assert work(config("neighbor-grpo", "rewards=norms.py:norm"), GRID).counts["decodes"] == 0


def test_kept_latents() -> None:
    """Trained steps keep states, next states and velocities of all members; a state shared by two steps is kept once."""
    asked = work(config("neighbor-grpo", "solver=euler", "steps={name: every, stochastic: false, drop_last: false}"), GRID)
    states, velocities = STEPS + 1, STEPS
    assert asked.kept == PROMPTS * GROUP * (states + velocities)
