"""Drawing from a seed: the same noise and the same ODE steps whatever the weights."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from genrl.errors import ModelError
from genrl.judging.source import Found, load
from genrl.policy import WeightedPolicy
from genrl.randomness import Randomness
from genrl.rollout import sigma_grid, walk
from genrl.solvers import Euler
from genrl.types import Prompt, Sampling, StepPlan

#: Pictures that go through the network at once.
ROWS = 16


def hybrid_policy(found: Found) -> WeightedPolicy:
    """The tuned weights as "current" and those of the base as "reference"; one network holds both."""
    if found.tuned is None:
        raise ModelError("Only of a run can a share of the steps be tuned: a model as it is has no other weights.")
    model, lora = load(found), found.base.weights == "lora"
    policy = WeightedPolicy(model, frozenset({"reference"}), lora=lora)
    if not lora:
        policy.load_weight_set("reference", WeightedPolicy(load(found, tuned=False)).weight_set("current"))
    return policy


@torch.no_grad()
def draw(
    policy: WeightedPolicy,
    texts: Sequence[str],
    seed: int,
    sampling: Sampling,
    mixed_precision: str = "no",
    tuned_steps: int | None = None,
) -> Tensor:
    """Pictures (B, 3, H, W) or videos (B, F, 3, H, W) in [0, 1], one for each text; noise depends on seed and place.

    tuned_steps: the first so many steps are made by the current weights and the others by the "reference" (hybrid
        inference, MixGRPO, arXiv:2507.21802, against reward hacking: the tuned weights lay the picture out, the base
        finishes it); None makes all with the current ones. Euler's steps know nothing of each other, so the state is
        all that changes hands.
    """
    rng, sigmas = Randomness((seed, "sample")), sigma_grid(policy.model, sampling.steps, sampling.shift)
    switch = len(sigmas) - 1 if tuned_steps is None else tuned_steps
    parts = [("current", sigmas[: switch + 1]), ("reference", sigmas[switch:])]
    drawn = []
    for start in range(0, len(texts), ROWS):
        prompts = [Prompt(text, index=start + i) for i, text in enumerate(texts[start : start + ROWS])]
        policy.encode([prompt.text for prompt in prompts])
        shape = policy.latent_shape()
        noise = torch.stack([torch.randn(shape, generator=rng.generator(prompt.index)) for prompt in prompts])
        state = noise.to(policy.device)
        with autocast(policy.device, mixed_precision):
            for weights, grid in parts:
                if len(grid) > 1:
                    plan = StepPlan(grid, (False,) * (len(grid) - 1), torch.zeros(0, dtype=torch.int64))
                    with policy.using(weights):
                        groups = walk(policy, prompts, state, Euler(), plan, sampling, [])
                    state = torch.cat([group.final for group in groups])
            drawn.append(policy.decode(state).cpu())
    return torch.cat(drawn)


def autocast(device: torch.device, mixed_precision: str) -> AbstractContextManager[object]:
    """As in a run with this `train.mixed_precision`."""
    dtypes = {"bf16": torch.bfloat16, "fp16": torch.float16}
    return torch.autocast(device.type, dtypes[mixed_precision]) if mixed_precision in dtypes else nullcontext()
