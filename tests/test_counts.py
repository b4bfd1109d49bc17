"""What an iteration asks of the network is exactly what the papers' cost formulas say, for every recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from genrl.config import resolve
from genrl.estimate.work import work
from genrl.registry import entries
from genrl.run import build
from genrl.schedule import shift_grid

COUNTS = ("forwards", "snapshot_forwards", "reference_forwards", "backwards", "decodes", "optimizer_steps")
PROMPTS, GROUP, STEPS = 2, 4, 8
ANCHORS, WINDOW, FAST = 4, 4, 3
SMALL = [
    "run.device=cpu",
    "run.threads=1",
    f"train.prompts_per_iteration={PROMPTS}",
    f"sampling.group_size={GROUP}",
    f"sampling.steps={STEPS}",
    "sampling.shift=null",
    "train.ema_decay=0",
]
SUBSET = int(0.6 * (STEPS - 1))
#: MixGRPO-Flash's first window is 0..3; its tail has int((T - 3) * .4) points, the first of them behind the window.
FLASH_STEPS = WINDOW + int((STEPS - (WINDOW - 1)) * 0.4) - 1

#: recipe: (forwards, snapshot forwards, reference forwards, backwards, optimizer steps) of N prompts and groups of G.
EXPECTED = {
    "neighbor-grpo": (STEPS * GROUP, 0, 0, ANCHORS * SUBSET, ANCHORS),
    "neighbor-grpo-paper": (STEPS * GROUP, 0, 0, ANCHORS * SUBSET, ANCHORS),
    "dance-grpo": (STEPS * GROUP, 0, 0, GROUP * SUBSET, 1),
    "mix-grpo": (STEPS * GROUP, 0, 0, GROUP * WINDOW, 2),
    "mix-grpo-flash": (FLASH_STEPS * GROUP, 0, 0, GROUP * WINDOW, 2),
    "draft": ((STEPS - 1) * GROUP, 0, 0, GROUP, 1),
    "diffusion-dpo": (0, 0, 2, 2, 1),
    "diffusion-nft": (STEPS * GROUP, 9 * GROUP, 9 * GROUP, 9 * GROUP, 1),
    "awm": (STEPS * GROUP, 2 * 6 * GROUP, 6 * GROUP, 6 * GROUP, 1),
    "dgpo": (STEPS * GROUP, 4 * GROUP, 4 * GROUP, 4 * GROUP, 1),
    "online-dpo": (STEPS * GROUP, 0, 2, 2, 1),
    "crd": (STEPS * GROUP, 20 * GROUP, 20 * GROUP, 20 * GROUP, 2),
    "flow-grpo": (STEPS * GROUP, 0, GROUP * (STEPS - 1), GROUP * (STEPS - 1), 1),
    "flow-grpo-fast": (STEPS * GROUP, 0, 0, GROUP * FAST, 1),
    "flow-cps": (STEPS * GROUP, 0, 0, GROUP * (STEPS - 1), 1),
    "flow-dppo": (STEPS * GROUP, 0, 0, GROUP * FAST, 1),
    "grpo-guard": (STEPS * GROUP, 0, 0, GROUP * (STEPS - 1), 1),
    "temp-flow-grpo": (2 + GROUP, 0, GROUP, GROUP, 1),
    "branch-grpo": (1 + 2 + GROUP * (STEPS - 2), 0, 0, 2 + GROUP * (STEPS - 2), 1),
}
#: Recipes whose pictures come from a data set.
READING = {"diffusion-dpo"}
#: What a recipe needs beside SMALL. TempFlow-GRPO of two seeds with two branches each, which two steps leave no choice where.
OWN = {
    "temp-flow-grpo": ["steps.seeds=2", "steps.branches=2", "sampling.steps=2"],
    "draft": ["rewards=[scenes-quality]"],
    "diffusion-dpo": ["prompts.source=scenes-pairs", "sampling.group_size=2"],
}


def test_every_shipped_recipe_is_counted() -> None:
    shipped = {name for name, found in entries("algorithm").items() if found.target.__module__.startswith("genrl.")}
    assert shipped == set(EXPECTED)


@pytest.mark.parametrize("algorithm", EXPECTED)
def test_counts_equal_the_formulas(algorithm: str, tmp_path: Path) -> None:
    forwards, snapshots, references, backwards, updates = EXPECTED[algorithm]
    # The preset is tuned for the embedded model; the formulas are those of the papers' constants.
    config = resolve(algorithm, preset="none", sets=[*SMALL, "model.weights=full", *CALL, *OWN.get(algorithm, [])])
    trainer = build(config, tmp_path, reporter=None)
    row = trainer.iterate(0)
    assert {name: row[name] for name in COUNTS} == {
        "forwards": PROMPTS * forwards,
        "snapshot_forwards": PROMPTS * snapshots,
        "reference_forwards": PROMPTS * references,
        "backwards": PROMPTS * backwards,
        "decodes": 0 if algorithm in READING else PROMPTS * GROUP,
        "optimizer_steps": updates,
    }
    assert row["encodes"] == len({prompt.text for prompt in trainer.prompts.draw(0, PROMPTS)})


@pytest.mark.parametrize(
    ("algorithm", "nodes", "edges"),
    [
        # 20 steps, splits at 0, 3, 6 and 9; the last edges are not trained.
        ("branch-grpo", 1 + 3 * 2 + 3 * 4 + 3 * 8 + 10 * 16, 3 * 2 + 3 * 4 + 3 * 8 + 10 * 16),
        # 10 steps, 4 seeds with 6 branches at each step but the last: the trunks, and what follows each branch.
        ("temp-flow-grpo", 9 * 4 + 24 * sum(range(1, 10)), 216),
    ],
)
def test_trees_of_the_papers_cost_their_nodes_and_edges(algorithm: str, nodes: int, edges: int) -> None:
    config = resolve(algorithm, preset="none", sets=["train.prompts_per_iteration=1"])
    counts = work(config, shift_grid(config.sampling.steps, 3.0)).counts
    assert (counts["forwards"], counts["backwards"]) == (nodes, edges)
    assert nodes < config.sampling.steps * config.sampling.group_size


CALL = ["model.call={guidance_scale: 1.0, use_resolution_binning: false}"]


def test_a_prompt_is_encoded_once(tmp_path: Path) -> None:
    config = resolve("neighbor-grpo", preset="none", sets=[*SMALL, "model.weights=full", *CALL])
    trainer = build(config, tmp_path, reporter=None)
    first = trainer.iterate(0)["encodes"]
    again = trainer.iterate(0)["encodes"]
    assert first > 0
    assert again == 0


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_on_policy_ratio_is_one_and_the_reference_stands_still(weights: str, tmp_path: Path) -> None:
    sets = [*SMALL, f"model.weights={weights}", *CALL, "regularizers=[{name: kl-velocity, beta: 0.1}]", "update_every=rollout"]
    trainer = build(resolve("neighbor-grpo", preset="none", sets=sets), tmp_path, reporter=None)
    first, second = trainer.iterate(0), trainer.iterate(1)
    assert first["log_ratio_abs_max"] < 1e-5
    assert first["penalty/kl-velocity"] < 1e-9
    assert second["log_ratio_abs_max"] < 1e-5
    assert second["penalty/kl-velocity"] > first["penalty/kl-velocity"]
