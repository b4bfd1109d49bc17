"""The loop alone: an iteration whose networks answer at once. What is left is our own code and the pipeline's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from genrl.bench.clock import parts
from genrl.bench.quartiles import Quartiles
from genrl.estimate.work import Work
from genrl.policy import WeightedPolicy
from genrl.trainer import Trainer

WARM_UPS, ITERATIONS = 3, 30


@dataclass(frozen=True)
class Loop:
    """CPU milliseconds of one iteration with the networks stubbed, medians over the same iteration again and again.

    samples: pictures, made in `steps` denoising steps of the whole batch and learnt from in `passes`, forward and backward,
    of `rows` rows in all. own: the whole iteration but for decoding and rewards; rollout, learn and rest are its parts.
    outside: decoding and rewards.
    """

    samples: int
    steps: int
    rows: int
    passes: int
    own: Quartiles
    rollout: float
    learn: float
    rest: float
    outside: float

    @property
    def per_step(self) -> float:
        """Milliseconds of a denoising step."""
        return self.rollout / self.steps

    @property
    def per_pass(self) -> float:
        """Milliseconds of a pass with gradient, its share of the optimizer's step included."""
        return self.learn / self.passes


def measure_loop(trainer: Trainer, work: Work) -> Loop:
    """The first iteration, over and over: as in a long run, its texts are encoded and its pipeline is proved."""
    with stubbed(trainer.policy):
        for _ in range(WARM_UPS):
            trainer.iterate(0)
        rows = [_milliseconds(trainer) for _ in range(ITERATIONS)]
    samples = trainer.train.prompts_per_iteration * trainer.sampling.group_size
    return Loop(
        samples=samples,
        steps=work.counts["forwards"] // samples,
        rows=work.counts["backwards"],
        passes=len(work.trained),
        own=Quartiles.of([row["own"] for row in rows]),
        **{part: statistics.median(row[part] for row in rows) for part in ("rollout", "learn", "rest", "outside")},
    )


def _milliseconds(trainer: Trainer) -> dict[str, float]:
    with parts(trainer) as spent:
        began = time.process_time()
        trainer.iterate(0)
        whole = time.process_time() - began
    outside = spent["decode"] + spent["reward"]
    own = {"own": whole - outside, "outside": outside, "rollout": spent["rollout"], "learn": spent["learn"]}
    own["rest"] = own["own"] - own["rollout"] - own["learn"]
    return {part: 1e3 * value for part, value in own.items()}


@contextmanager
def stubbed(policy: WeightedPolicy) -> Iterator[None]:
    """Inside, each network multiplies what it once answered to arguments of these shapes by one of its trained numbers."""
    networks = policy.model.networks.values()
    for network in networks:
        vars(network)["forward"] = partial(_answer, _gain(network), network.forward, {})
    try:
        yield
    finally:
        for network in networks:
            del vars(network)["forward"]


def _gain(network: nn.Module) -> nn.Parameter:
    return next(parameter for parameter in network.parameters() if parameter.requires_grad)


def _answer(gain: nn.Parameter, own: Any, answers: dict[Any, Any], *args: Any, **kwargs: Any) -> Any:
    shapes = tuple(leaf.shape for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor))
    if shapes not in answers:
        with torch.no_grad():
            answers[shapes] = own(*args, **kwargs)
    factor = 1.0 + gain.view(-1)[0]
    return tree_map_only(Tensor, lambda answer: answer * factor, answers[shapes])
