"""The gradient of the rewards in the pictures, for methods that follow it instead of comparing members of a group."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from genrl.errors import RewardError
from genrl.rewards.panel import RewardPanel
from genrl.types import Metrics, Prompt


def check_gradient(panel: RewardPanel) -> None:
    """RewardError unless every reward that counts has a gradient and can be asked about a picture by itself."""
    counted = [term for term in panel.terms if term.weight != 0.0]
    without = [term.name for term in counted if not term.differentiable]
    if without:
        raise RewardError(
            f"This method follows the gradient of the reward, and {', '.join(map(repr, without))} "
            f"{'has' if len(without) == 1 else 'have'} none. Choose a reward that declares `differentiable = True` (sharpness, "
            "pickscore, clip-score), give it weight 0 to watch it only, or choose a method that compares scores."
        )
    for term in counted:
        if term.group_wise:
            raise RewardError(
                f"Reward {term.name!r} compares the pictures of a group, which learning by the gradient takes apart; give it "
                "weight 0, or choose a method that compares scores."
            )


def rate(
    panel: RewardPanel, decode: Callable[[Tensor], Tensor], latents: Tensor, prompts: Sequence[Prompt]
) -> tuple[Tensor, Metrics]:
    """The weighted sum (B,) of the rewards of latents (B, *L), differentiable in them, and the mean of each reward.

    Rewards of weight 0 are not asked. RewardError as in `RewardPanel.values`.
    """
    # Autocast is the network's; decoder and rewards compute as they do when they score.
    with torch.autocast(latents.device.type, enabled=False):
        images = decode(latents) if panel.needs_pixels else None
        values, metrics = panel.values(prompts, images, latents)
    total = torch.stack([weight * value.to(latents.device) for weight, value in values.values()]).sum(dim=0)
    means = {f"rewards/{name}/mean": value.detach().mean() for name, (_, value) in values.items()}
    return total, metrics | means | {"reward": total.detach().mean()}
