"""Weight sets that follow the current one: their schedules, their storage, what their questions count as."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from genrl.errors import ConfigError
from genrl.policy import WeightedPolicy
from genrl.snapshots import Copied, Ramp
from genrl.testing import ToyModel


def test_published_schedules() -> None:
    """DiffusionNFT's two, DGPO's fast average, CRD's two copies."""
    nft, late = Ramp(), Ramp(start=75, slope=0.0075, most=0.999)
    assert [nft.decay(n) for n in (0, 1, 100, 500, 900)] == pytest.approx([0.0, 0.001, 0.1, 0.5, 0.5])
    assert [late.decay(n) for n in (10, 75, 76, 275)] == pytest.approx([0.0, 0.0, 0.0075, 0.999])
    assert [Ramp(initial=0.25, slope=0.005, most=0.999).decay(n) for n in (1, 10, 200)] == pytest.approx([0.255, 0.3, 0.999])
    assert Copied().decay(7) == 0.0


@pytest.mark.parametrize("label", ["current", "reference", "ema", ""])
def test_names_that_are_taken_are_refused(label: str) -> None:
    with pytest.raises(ConfigError, match="label"):
        Ramp(label=label)


def weights(policy: WeightedPolicy, name: str) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in policy.weight_set(name).values()]).clone()


def test_sets_follow_at_their_own_moments() -> None:
    policy = WeightedPolicy(ToyModel(), frozenset({"old", "fast", "reference"}))
    start = weights(policy, "current")
    rules = (Ramp("old", "iteration", initial=0.25, most=0.25), Ramp("fast", "update", initial=0.5, most=0.5))
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter += 1.0
    policy.follow(rules, "update", 1)
    torch.testing.assert_close(weights(policy, "fast"), start + 0.5)
    assert torch.equal(weights(policy, "old"), start)
    policy.follow(rules, "iteration", 1)
    torch.testing.assert_close(weights(policy, "old"), start + 0.75)
    torch.testing.assert_close(weights(policy, "fast"), start + 0.5)
    assert torch.equal(weights(policy, "reference"), start)
    assert policy.stored_sets == ["fast", "old", "reference"]
    policy.follow((Copied("old"),), "iteration", 1)
    assert torch.equal(weights(policy, "old"), weights(policy, "current"))


def test_questions_count_by_who_is_asked_and_why() -> None:
    policy = WeightedPolicy(ToyModel(), frozenset({"old", "reference"}))
    condition = policy.encode(["a red circle"] * 2)
    x = torch.zeros(2, *policy.latent_shape())
    with torch.no_grad(), policy.acting("old"):
        policy.velocity(x, 0.5, condition)
        with policy.using("reference"):
            policy.velocity(x, 0.5, condition)
    with torch.no_grad(), policy.using("old"):
        policy.velocity(x, 0.5, condition)
    policy.velocity(x, 0.5, condition)
    kinds = ("forwards", "snapshot_forwards", "reference_forwards", "backwards", "calls")
    assert [policy.counts[kind] for kind in kinds] == [2, 2, 2, 2, 4]


class OneLayer(ToyModel):
    """A model whose network is a linear layer, which autocast runs in 16 bits."""

    def __init__(self) -> None:
        self.network = nn.Linear(4, 4)  # type: ignore[assignment]

    def velocity(self, x, sigma, condition):
        return self.network(x).float()


def test_autocast_does_not_mistake_one_set_for_another() -> None:
    policy = WeightedPolicy(OneLayer(), frozenset({"old"}))
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.mul_(-1.0)
    x = torch.ones(1, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with torch.no_grad(), policy.using("old"):
            old = policy.velocity(x, 0.5, None)  # type: ignore[arg-type]
        current = policy.velocity(x, 0.5, None)  # type: ignore[arg-type]
    torch.testing.assert_close(current, -old)
    current.sum().backward()
    assert all(parameter.grad is not None for parameter in policy.parameters())
