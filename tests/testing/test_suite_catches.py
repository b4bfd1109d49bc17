"""Each check fails for a component that breaks its invariant: a suite that never fails proves nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from genrl.advantages import ZScore
from genrl.algorithms import flow_grpo, neighbor_grpo
from genrl.losses import Clipped, KLVelocity
from genrl.perturbers import Independent
from genrl.selection import EveryMember, RandomSubset
from genrl.solvers import CPS, Euler, FlowSDE, Heun
from genrl.surrogates import Gaussian, SoftmaxDistance
from genrl.testing import checks_for
from tests.testing.broken import (
    Adds,
    AlwaysNoisy,
    Asks,
    AsksElsewhere,
    AsksTwice,
    Broken,
    ByPosition,
    ByTheSpread,
    Careless,
    Claims,
    Counts,
    Crashes,
    Deaf,
    Descending,
    Detached,
    Doubles,
    Favourite,
    Frozen,
    Glances,
    GlobalNoise,
    HalfNoisy,
    HalfPrecision,
    Hardclipped,
    InPlace,
    LogProb,
    MeanOverAll,
    Mixes,
    Naive,
    NoGradient,
    Noisy,
    OneTime,
    Overshoot,
    Paints,
    Partial,
    Pushes,
    Ranks,
    Raw,
    Remembers,
    Reversed,
    Smooth,
    Strays,
    Table,
    Twice,
    Uncentered,
    Unclipped,
    Unfinished,
    Uniform,
    Wide,
    WrongSign,
)

CAUGHT = [
    ("solver", Overshoot(Euler()), "integrates-a-constant-field-exactly"),
    ("solver", Overshoot(Euler()), "converges-on-an-interior-interval"),
    ("solver", Overshoot(Euler()), "is-as-accurate-as-euler"),
    ("solver", Remembers(Euler()), "is-replayed-to-the-bit"),
    ("solver", AlwaysNoisy(FlowSDE()), "has-noise-exactly-where-asked"),
    ("solver", InPlace(Euler()), "leaves-its-inputs-alone"),
    ("solver", AsksElsewhere(Euler()), "first-asks-at-its-own-state"),
    ("solver", AsksElsewhere(Euler()), "gives-the-clean-estimate"),
    ("solver", Asks(Heun()), "asks-as-often-as-declared"),
    ("solver", Detached(Euler()), "passes-the-gradient-on"),
    ("solver", HalfPrecision(Euler()), "keeps-the-dtype"),
    ("solver", Broken(CPS()), "keeps-the-marginals"),
    ("perturber", Wide(Independent()), "rows-of-one-draw-are-standard-normal"),
    ("perturber", Uniform(Independent()), "rows-of-one-draw-are-standard-normal"),
    ("perturber", Smooth(Independent()), "rows-over-many-draws-are-standard-normal"),
    ("perturber", GlobalNoise(Independent()), "is-a-pure-function-of-the-generator"),
    ("steps", Noisy(RandomSubset()), "plan-is-pure"),
    ("steps", HalfNoisy(RandomSubset()), "trained-steps-are-all-noisy-or-none"),
    ("steps", Unfinished(RandomSubset()), "grid-descends-from-one-to-zero"),
    ("steps", Descending(RandomSubset()), "trained-steps-are-valid-indices"),
    ("anchors", Twice(EveryMember()), "anchors-are-valid-indices"),
    ("surrogate", LogProb(Gaussian()), "log-ratio-is-zero-on-policy"),
    ("surrogate", Naive(SoftmaxDistance()), "is-precise-at-production-size"),
    ("surrogate", ByTheSpread(SoftmaxDistance()), "is-finite-at-production-size"),
    ("surrogate", NoGradient(Gaussian()), "gradient-reaches-the-policy"),
    ("surrogate", Favourite(SoftmaxDistance()), "follows-the-order-of-the-group"),
    ("advantage", Uncentered(ZScore()), "ignores-a-constant"),
    ("advantage", Uncentered(ZScore()), "is-exactly-zero-in-a-flat-group"),
    ("advantage", Careless(ZScore()), "is-exactly-zero-in-a-flat-group"),
    ("advantage", Careless(ZScore()), "bears-rewards-that-do-not-apply"),
    ("advantage", Reversed(ZScore()), "puts-the-better-above-the-worse"),
    ("advantage", ByPosition(ZScore()), "follows-the-order-of-members-and-prompts"),
    ("ratio-loss", WrongSign(Clipped()), "gradient-at-ratio-one-is-minus-the-advantage"),
    ("ratio-loss", Unclipped(Clipped()), "stops-pushing-beyond-the-clip"),
    ("ratio-loss", Hardclipped(Clipped()), "pulls-back-from-the-wrong-side"),
    ("ratio-loss", MeanOverAll(Clipped()), "averages-anchors-and-adds-candidates"),
    ("ratio-loss", MeanOverAll(Clipped()), "reports-numbers-without-a-graph"),
    ("regularizer", Pushes(KLVelocity()), "is-zero-without-drift"),
    ("regularizer", Pushes(KLVelocity()), "grows-with-the-drift"),
    ("regularizer", Pushes(KLVelocity()), "pulls-back"),
    ("reward", Ranks(), "does-not-depend-on-the-batch"),
    ("reward", Crashes(), "survives-blank-pictures"),
    ("reward", Paints(), "leaves-the-pictures-alone"),
    ("reward", Counts(), "answers-the-same-twice"),
    ("reward", Glances(), "does-not-depend-on-the-batch"),
    ("reward", Strays(), "answers-each-picture-with-a-finite-number"),
    ("reward", Claims(), "has-the-gradient-that-it-declares"),
    ("prompts", Table({"train": ["a"], "heldout": ["a"]}), "splits-do-not-overlap"),
    ("prompts", Table({"train": ["a"], "heldout": [" "]}), "every-row-has-a-prompt"),
    ("model", Doubles(), "velocity-is-float32-and-finite"),
    ("model", Mixes(), "batch-of-one-is-a-row-of-a-batch"),
    ("model", OneTime(), "each-row-may-have-its-own-sigma"),
    ("model", Deaf(), "listens-to-the-prompt"),
    ("model", Raw(), "decodes-into-pictures"),
    ("model", Frozen(), "gradient-reaches-the-weights"),
    ("algorithm", dataclasses.replace(neighbor_grpo(), advantage=Reversed(ZScore())), "raises-the-toy-reward"),
    ("algorithm", dataclasses.replace(flow_grpo(), surrogate=LogProb(Gaussian())), "ratio-is-one-at-unchanged-weights"),
    ("algorithm", dataclasses.replace(flow_grpo(), perturber=GlobalNoise(0)), "rollout-is-a-pure-function-of-its-key"),
    ("algorithm", dataclasses.replace(flow_grpo(), surrogate=NoGradient(Gaussian()), regularizers=()), "loss-has-a-gradient"),
    ("algorithm", dataclasses.replace(neighbor_grpo(), objective=Partial(Clipped())), "members-have-no-order"),
    ("algorithm", dataclasses.replace(flow_grpo(), objective=Adds(Clipped())), "rows-only-split-the-work"),
    ("algorithm", dataclasses.replace(flow_grpo(), solver=Remembers(FlowSDE())), "resumes-identically"),
    ("algorithm", dataclasses.replace(neighbor_grpo(), train_solver=AsksTwice(Euler())), "counts-are-the-plan"),
    ("algorithm", dataclasses.replace(neighbor_grpo(), train_solver=Heun()), "accepts-the-default-sampling"),
]


@pytest.mark.parametrize(("kind", "component", "check"), CAUGHT, ids=[f"{kind}-{check}" for kind, _, check in CAUGHT])
def test_broken_component_is_caught(kind: str, component: Any, check: str) -> None:
    (found,) = [each for each in checks_for(kind) if each.name == check]
    assert found.run(component, kind, {}).error
