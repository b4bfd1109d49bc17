"""Invariants of a reward: one finite number a picture, whatever else is in the batch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from genrl.data_protocols import Reward
from genrl.errors import RewardError
from genrl.rewards import RewardPanel
from genrl.rewards.term import RewardTerm
from genrl.testing.check import NotApplicable, expect, expect_close
from genrl.types import Prompt

#: What rewards are asked about unless they declare `example_prompts`, a tuple of texts or of `Prompt`s with columns.
PROMPTS = ("a red circle", "two blue squares", "a green triangle left of a yellow square", "a red circle")
#: The groups of these four rows, for group-wise rewards; the rows of a group then share its first prompt.
GROUPS = (0, 0, 1, 1)
ROWS = range(len(GROUPS))
#: A picture and a latent as the checks make them, unless a reward declares `example_shape` (videos: (F, 3, H, W)).
PICTURE, LATENT = (3, 32, 32), (4, 8, 8)


def check_answers_each_picture_with_a_finite_number(reward: Reward) -> None:
    """Or with None. `RewardPanel` raises for anything else, and for a number outside declared bounds."""
    values = _score(reward, _completions(reward))
    expect(bool((~values.isnan()).any()), "It answered None to every picture.")


def check_does_not_depend_on_the_batch(reward: Reward) -> None:
    """A group-wise reward must not depend on the other groups, nor on the order in its own."""
    completions = _completions(reward)
    together = _score(reward, completions)
    parts = [[0, 1], [2, 3]] if RewardTerm("reward", reward).group_wise else [[b] for b in ROWS]
    alone = torch.cat([_score(reward, completions, rows) for rows in parts])
    sentence = "A picture's reward must not depend on the pictures beside it"
    expect_close(alone.nan_to_num(), together.nan_to_num(), sentence, rtol=1e-3, atol=1e-4)
    expect(torch.equal(alone.isnan(), together.isnan()), "It answers None to a picture only in some batches.")
    flipped = _score(reward, completions, ROWS[::-1]).flip(0)
    expect_close(flipped.nan_to_num(), together.nan_to_num(), f"{sentence}, nor on their order", rtol=1e-3, atol=1e-4)


def check_answers_the_same_twice(reward: Reward) -> None:
    first, second = (_score(reward, _completions(reward)) for _ in range(2))
    expect_close(first.nan_to_num(), second.nan_to_num(), "The same pictures got another reward", rtol=1e-5, atol=1e-6)


def check_survives_blank_pictures(reward: Reward) -> None:
    """Black, white and grey: what a collapsing run makes. A RewardError is an answer, a crash or NaN is none."""
    shades = torch.tensor([0.0, 0.0, 1.0, 0.5]).view(-1, *[1] * len(_shape(reward)))
    try:
        _score(reward, shades.expand(-1, *_shape(reward)).contiguous())
    except RewardError as error:
        expect(isinstance(error.__cause__, RewardError), f"Blank pictures break it: {error}")


def check_leaves_the_pictures_alone(reward: Reward) -> None:
    completions = _completions(reward)
    _score(reward, completions)
    expect(torch.equal(completions, _completions(reward)), "It writes to the pictures, which all rewards share.")


def check_has_the_gradient_that_it_declares(reward: Reward) -> None:
    """Called by itself with gradients enabled, a differentiable reward answers with a tensor (B,) that has one."""
    term = RewardTerm("reward", reward)
    if not term.differentiable:
        raise NotApplicable("it does not declare to be differentiable")
    completions = _completions(reward).requires_grad_()
    offer = {"prompts": [prompt.text for prompt in _prompts(reward)], "completions": completions, "groups": list(GROUPS)}
    answer = term.function(**term.keywords.select(offer, term.name))
    expect(isinstance(answer, Tensor) and answer.requires_grad, "It answers without a gradient.")
    (gradient,) = torch.autograd.grad(answer.sum(), completions)
    expect(bool(gradient.isfinite().all()), "Its gradient is not finite.")
    expect(bool((gradient != 0.0).any()), "Its gradient is 0 everywhere.")


def _score(reward: Reward, completions: Tensor, rows: Sequence[int] = ROWS) -> Tensor:
    """(B,) float64 of these rows, NaN for None."""
    term, prompts, chosen = RewardTerm("reward", reward), _prompts(reward), list(rows)
    # Indexing copies, which would hide that a reward writes to what it is given.
    latent, asked = term.media == "latent", completions if chosen == [*ROWS] else completions[chosen]
    scores = RewardPanel([term]).score(
        [prompts[b] for b in chosen],
        None if latent else asked,
        latents=asked if latent else None,
        groups=[GROUPS[b] for b in chosen],
    )
    return scores.values[0]


def _prompts(reward: Reward) -> list[Prompt]:
    given = getattr(reward, "example_prompts", PROMPTS)
    prompts = [prompt if isinstance(prompt, Prompt) else Prompt(prompt) for prompt in given]
    places = GROUPS if RewardTerm("reward", reward).group_wise else ROWS
    return [prompts[b % len(prompts)] for b in places]


def _shape(reward: Reward) -> tuple[int, ...]:
    latent = RewardTerm("reward", reward).media == "latent"
    return tuple(getattr(reward, "example_shape", LATENT if latent else PICTURE))


def _completions(reward: Reward) -> Tensor:
    """(4, 3, H, W) or (4, F, 3, H, W): coarse colour fields with a little noise. Latents are noise alone."""
    rng, shape = torch.Generator().manual_seed(0), _shape(reward)
    if RewardTerm("reward", reward).media == "latent":
        return torch.randn(len(ROWS), *shape, generator=rng)
    fields = torch.rand(len(ROWS) * math.prod(shape[:-3]), 3, 4, 4, generator=rng)
    fine = torch.nn.functional.interpolate(fields, size=shape[-2:], mode="nearest")
    return (fine + 0.02 * torch.randn(fine.shape, generator=rng)).clamp(0.0, 1.0).view(len(ROWS), *shape)


CHECKS = (
    check_answers_each_picture_with_a_finite_number,
    check_does_not_depend_on_the_batch,
    check_answers_the_same_twice,
    check_survives_blank_pictures,
    check_leaves_the_pictures_alone,
    check_has_the_gradient_that_it_declares,
)
