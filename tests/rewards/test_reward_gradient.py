"""What a method that follows the gradient of the reward gets from a panel."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genrl.errors import RewardError
from genrl.rewards import RewardPanel, RewardTerm, Sharpness, check_gradient, rate
from genrl.types import Prompt

PROMPTS = [Prompt("a red circle"), Prompt("two blue squares")]


class Brightness:
    """The mean of a picture; twice it with `gain=2`."""

    media, differentiable = "tensor", True

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, prompts: list[str], completions: Tensor, **columns: object) -> Tensor:
        return self.gain * completions.flatten(1).mean(dim=1)


class Energy(Brightness):
    media = "latent"

    def __call__(self, prompts: list[str], completions: Tensor, **columns: object) -> Tensor:
        return completions.square().flatten(1).sum(dim=1)


class Cut(Brightness):
    def __call__(self, prompts: list[str], completions: Tensor, **columns: object) -> Tensor:
        return super().__call__(prompts, completions.detach())


class Unbounded(Brightness):
    bounds = (0.0, 0.1)


class Grouped(Brightness):
    group_wise = True


def plain(prompts: list[str], completions: list) -> list[float]:
    raise AssertionError("a reward of weight 0 is not asked")


def decode(latents: Tensor) -> Tensor:
    return latents.sigmoid()


def test_the_weighted_sum_has_the_gradient_of_every_reward_that_counts() -> None:
    panel = RewardPanel([RewardTerm("a", Brightness(2.0), 0.5), RewardTerm("b", Energy(), -3.0), RewardTerm("c", plain, 0.0)])
    check_gradient(panel)
    latents = torch.randn(2, 3, 4, 4, requires_grad=True)
    total, metrics = rate(panel, decode, latents, PROMPTS)
    (gradient,) = torch.autograd.grad(total.sum(), latents)

    twin = latents.detach().clone().requires_grad_()
    expected = twin.sigmoid().flatten(1).mean(dim=1) - 3.0 * twin.square().flatten(1).sum(dim=1)
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected.sum(), twin)[0])
    assert set(metrics) == {"reward", "rewards/a/mean", "rewards/b/mean"}
    torch.testing.assert_close(metrics["reward"], expected.mean().detach())


def test_rewards_of_latents_alone_decode_nothing() -> None:
    def refuse(latents: Tensor) -> Tensor:
        raise AssertionError("nothing looks at pictures")

    latents = torch.randn(2, 3, 4, 4, requires_grad=True)
    total, _ = rate(RewardPanel([RewardTerm("b", Energy())]), refuse, latents, PROMPTS)
    assert total.requires_grad


@pytest.mark.parametrize(
    ("function", "weight", "says"),
    [(plain, 1.0, "'x' has none"), (Grouped(), 1.0, "'x' compares the pictures of a group")],
)
def test_what_has_no_gradient_is_refused(function: object, weight: float, says: str) -> None:
    with pytest.raises(RewardError, match=says):
        check_gradient(RewardPanel([RewardTerm("x", function, weight), RewardTerm("sharpness", Sharpness())]))


@pytest.mark.parametrize(
    ("function", "says"), [(Cut(), "answers without a gradient"), (Unbounded(), "outside its declared bounds")]
)
def test_a_wrong_answer_ends_the_run(function: object, says: str) -> None:
    latents = torch.randn(2, 3, 4, 4, requires_grad=True)
    with pytest.raises(RewardError, match=says):
        rate(RewardPanel([RewardTerm("x", function)]), decode, latents, PROMPTS)
