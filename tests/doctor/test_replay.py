"""The self-check names what parts a replay from its rollout."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

from genrl.doctor import check_replay, precision
from genrl.errors import ModelError
from genrl.models import DiffusersModel, add_lora
from genrl.policy import WeightedPolicy
from genrl.testing import ToyModel
from genrl.types import Condition
from tests.tiny_pipelines import build

TEXTS = ("a red cat", "a blue dog")


def check(model, dtype=torch.float32, autocast=nullcontext):
    policy = WeightedPolicy(model)
    return check_replay(policy, TEXTS, model.sigmas(4), dtype, autocast)


class Changed(ToyModel):
    """A toy whose velocity is multiplied by something that depends on how it is asked."""

    def velocity(self, x: Tensor, sigma: float | Tensor, condition: Condition) -> Tensor:
        return super().velocity(x, sigma, condition) * self.factor(x)

    def factor(self, x: Tensor) -> float | Tensor:
        return 1.0


class Dropped(Changed):
    def factor(self, x: Tensor) -> Tensor:
        return torch.nn.functional.dropout(torch.ones_like(x), 0.5)


class Batched(Changed):
    def factor(self, x: Tensor) -> float:
        return 1.0 + 0.01 * len(x)


class Graded(Changed):
    def factor(self, x: Tensor) -> float:
        return 1.01 if torch.is_grad_enabled() else 1.0


class Infinite(Changed):
    def factor(self, x: Tensor) -> float:
        return float("inf")


class Detached(Changed):
    def velocity(self, x: Tensor, sigma: float | Tensor, condition: Condition) -> Tensor:
        return super().velocity(x, sigma, condition).detach() + 0.0 * self.network.correction.bias.sum()


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (Dropped, "answers the same question differently each time"),
        (Batched, "answered differently when other rows stand beside it"),
        (Graded, "With gradients the network answers differently than without"),
        (Infinite, "NaN or infinite at pure noise"),
        (Detached, "no gradient reaches the trained weights"),
    ],
)
def test_the_cause_is_named(kind, cause):
    torch.manual_seed(0)
    with pytest.raises(ModelError, match=cause):
        check(kind())


def test_it_passes_and_is_counted_apart():
    policy = WeightedPolicy(ToyModel())
    policy.counts["forwards"] = 7
    found = check_replay(policy, TEXTS, policy.model.sigmas(4), torch.float32)
    assert found.error == 0.0
    assert str(found) == "bit-equal"
    assert policy.counts == {"forwards": 7}
    assert found.counts == {"forwards": 2, "backwards": 1, "calls": 2, "encodes": 2}
    assert all(parameter.grad is None for parameter in policy.parameters())


def test_rounding_in_bfloat16_is_no_failure():
    tiny = build("flux")
    model = DiffusersModel(tiny.pipe.to(torch.bfloat16), tiny.call)
    add_lora(model, rank=2, alpha=4)
    dtype = precision(model.networks.values())
    assert dtype == torch.bfloat16
    assert check(model, dtype).error < 3e-2


def test_dropout_in_a_pipeline_is_caught():
    tiny = build("flux")
    model = DiffusersModel(tiny.pipe, tiny.call)
    add_lora(model, rank=2, alpha=4)
    block = model.networks["transformer"].transformer_blocks[0]
    torch.manual_seed(0)
    block.register_forward_hook(lambda module, inputs, outputs: tuple(torch.nn.functional.dropout(o, 0.5) for o in outputs))
    with pytest.raises(ModelError, match="dropout"):
        check(model)


def test_mixed_precision_is_that_of_the_run():
    tiny = build("flux")
    model = DiffusersModel(tiny.pipe, tiny.call)
    add_lora(model, rank=2, alpha=4)
    assert precision(model.networks.values()) == torch.float32
    assert precision(model.networks.values(), "bf16") == torch.bfloat16
    plain = check(model)
    mixed = check(model, torch.bfloat16, lambda: torch.autocast("cpu", torch.bfloat16))
    assert plain.error < 1e-5
    assert mixed.tolerance == 3e-2


def test_types_that_only_store_weights_are_not_the_type_of_the_answer():
    network = torch.nn.Linear(2, 2).to(torch.float8_e4m3fn)
    assert precision([network]) == torch.bfloat16
    network.bias = torch.nn.Parameter(torch.zeros(2))
    assert precision([network]) == torch.float32
