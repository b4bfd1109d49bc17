"""Invariants of a reward: one finite number a picture, whatever else is in the batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from genrl.errors import RewardError
from genrl.protocols import Reward
from genrl.rewards import RewardPanel
from genrl.rewards.term import RewardTerm
from genrl.testing.check import expect, expect_close
from genrl.types import Prompt

#: What rewards are asked about unless they declare `example_prompts`, a tuple of texts or of `Prompt`s with columns.
PROMPTS = ("a red circle", "two blue squares", "a green triangle left of a yellow square", "a red circle")
SIDE = 32


def check_answers_each_picture_with_a_finite_number(reward: Reward) -> None:
    """Or with None. `RewardPanel` raises for anything else."""
    values = _score(reward, _prompts(reward), _pictures())
    expect(bool((~values.isnan()).any()), "It answered None to every picture.")


def check_does_not_depend_on_the_batch(reward: Reward) -> None:
    prompts, pictures = _prompts(reward), _pictures()
    together = _score(reward, prompts, pictures)
    alone = torch.cat([_score(reward, prompts[b : b + 1], pictures[b : b + 1]) for b in range(len(prompts))])
    sentence = "A picture's reward must not depend on the pictures beside it"
    expect_close(alone.nan_to_num(), together.nan_to_num(), sentence, rtol=1e-3, atol=1e-4)
    expect(torch.equal(alone.isnan(), together.isnan()), "It answers None to a picture only in some batches.")
    flipped = _score(reward, prompts[::-1], pictures.flip(0)).flip(0)
    expect_close(flipped.nan_to_num(), together.nan_to_num(), f"{sentence}, nor on their order", rtol=1e-3, atol=1e-4)


def check_answers_the_same_twice(reward: Reward) -> None:
    first, second = (_score(reward, _prompts(reward), _pictures()) for _ in range(2))
    expect_close(first.nan_to_num(), second.nan_to_num(), "The same pictures got another reward", rtol=1e-5, atol=1e-6)


def check_survives_blank_pictures(reward: Reward) -> None:
    """Black, white and grey: what a collapsing run makes. A RewardError is an answer, a crash or NaN is none."""
    prompts = _prompts(reward)[:3]
    blank = torch.tensor([0.0, 1.0, 0.5])[:, None, None, None].expand(3, 3, SIDE, SIDE).contiguous()
    try:
        _score(reward, prompts, blank)
    except RewardError as error:
        expect(isinstance(error.__cause__, RewardError), f"Blank pictures break it: {error}")


def check_leaves_the_pictures_alone(reward: Reward) -> None:
    pictures = _pictures()
    _score(reward, _prompts(reward), pictures)
    expect(torch.equal(pictures, _pictures()), "It writes to the pictures, which all rewards share.")


def _score(reward: Reward, prompts: Sequence[Prompt], pictures: Tensor) -> Tensor:
    """(B,) float64, NaN for None."""
    return RewardPanel([RewardTerm("reward", reward)]).score(prompts, pictures).values[0]


def _prompts(reward: Reward) -> list[Prompt]:
    given = getattr(reward, "example_prompts", PROMPTS)
    prompts = [prompt if isinstance(prompt, Prompt) else Prompt(prompt) for prompt in given]
    return [prompts[b % len(prompts)] for b in range(len(PROMPTS))]


def _pictures() -> Tensor:
    """(4, 3, 32, 32): coarse colour fields with a little noise."""
    rng = torch.Generator().manual_seed(0)
    fields = torch.rand(len(PROMPTS), 3, 4, 4, generator=rng)
    fine = torch.nn.functional.interpolate(fields, size=(SIDE, SIDE), mode="nearest")
    return (fine + 0.02 * torch.randn(fine.shape, generator=rng)).clamp(0.0, 1.0)


CHECKS = (
    check_answers_each_picture_with_a_finite_number,
    check_does_not_depend_on_the_batch,
    check_answers_the_same_twice,
    check_survives_blank_pictures,
    check_leaves_the_pictures_alone,
)
