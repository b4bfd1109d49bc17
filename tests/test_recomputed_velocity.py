"""A velocity that keeps nothing for the backward pass: the same numbers, the same gradient, counted once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genrl.models import DiffusersModel, add_lora
from genrl.policy import WeightedPolicy
from tests.tiny_pipelines import PROMPTS, build


def two_steps(policy: WeightedPolicy, x: Tensor, recompute: bool) -> tuple[Tensor, int]:
    """The gradient of a walk of two steps, and the bytes that it keeps for the backward pass beside the weights."""
    condition = policy.encode(PROMPTS[:1])
    kept = 0
    weights = {p.untyped_storage().data_ptr() for network in policy.model.networks.values() for p in network.parameters()}

    def pack(tensor: Tensor) -> Tensor:
        nonlocal kept
        if tensor.untyped_storage().data_ptr() not in weights:
            kept += tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        x = x - 0.4 * policy.velocity(x, 1.0, condition, recompute=recompute)
        x = x - 0.6 * policy.velocity(x, 0.6, condition, recompute=recompute)
    gradients = torch.autograd.grad(x.square().mean(), policy.parameters())
    return torch.cat([gradient.flatten() for gradient in gradients]), kept


@pytest.mark.parametrize("family", ["sd3", "flux", "wan"])
def test_recomputing_changes_no_gradient_and_no_count_and_keeps_less(family: str) -> None:
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        add_lora(model, rank=2, alpha=4)
    policy = WeightedPolicy(model, lora=True)
    for parameter in policy.parameters():  # LoRA begins as no change, which would have no gradient in its first factors
        torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(1))
    x = torch.randn(1, *model.latent_shape(), generator=torch.Generator().manual_seed(2))
    gradient, kept = two_steps(policy, x, recompute=False)
    counts = policy.counts.copy()
    policy.counts.clear()
    again, less = two_steps(policy, x, recompute=True)
    assert gradient.norm() > 0
    torch.testing.assert_close(again, gradient, rtol=1e-5, atol=1e-6 * float(gradient.abs().max()))
    assert less < kept / 10
    assert policy.counts["backwards"] == counts["backwards"] == 2
    assert policy.counts["calls"] == counts["calls"]
