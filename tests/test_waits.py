"""An iteration runs on a device of its own, and the host waits for it where numbers have to be read and nowhere else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genrl.config import RunConfig, resolve
from genrl.metering import Meter
from genrl.monitoring import picture_metrics
from genrl.policy import WeightedPolicy
from genrl.randomness import Randomness
from genrl.testing.toy import ToyModel
from genrl.types import Condition, Prompt
from tests.far_device import FAR, FarDevice

ALGORITHMS = ["neighbor-grpo", "neighbor-grpo-paper", "dance-grpo", "mix-grpo", "mix-grpo-flash", "flow-grpo"]
ALGORITHMS += ["diffusion-nft", "awm", "dgpo", "crd", "online-dpo"]
#: Where the host has to know who was best, once for each group.
READS = {"online-dpo": 2}
PROMPTS = [Prompt("a red cat", index=0), Prompt("a blue dog", index=1)]


class FarModel(ToyModel):
    """The toy model with its network on the far device."""

    def __init__(self) -> None:
        super().__init__()
        self.network.to(FAR)
        self.sent: dict[tuple[str, ...], Tensor] = {}

    @property
    def device(self) -> torch.device:
        return FAR

    def velocity(self, x: Tensor, sigma: float | Tensor, condition: Condition) -> Tensor:
        if condition.texts not in self.sent:
            means = torch.tensor([self._means[text] for text in condition.texts])
            self.sent[condition.texts] = means.to(FAR, non_blocking=True)
        means = self.sent[condition.texts]
        if isinstance(sigma, Tensor):
            return torch.cat([self.network(x[b : b + 1], s, means[b : b + 1]) for b, s in enumerate(sigma.tolist())])
        return self.network(x, sigma, means)


def iterate(config: RunConfig, model: ToyModel) -> Meter:
    """Explore, measure, credit and one pass over all updates, as `Trainer.iterate`, with made-up rewards."""
    algorithm, sampling, rng, meter = config.algorithm, config.sampling, Randomness((0,)), Meter()
    policy = WeightedPolicy(model, algorithm.weight_sets)
    policy.encode([prompt.text for prompt in PROMPTS])
    plan = algorithm.plan(0, model.sigmas(sampling.steps), sampling, rng)
    with torch.no_grad():
        groups = algorithm.rollout(policy, PROMPTS, plan, sampling, rng)
        latents = torch.cat([group.final for group in groups])
        meter.add(picture_metrics(policy.decode(latents), latents, [0] * 4 + [1] * 4), 8)
    rewards = torch.rand(1, 2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for group, advantage in zip(groups, algorithm.advantage(rewards, torch.ones(1), plan), strict=True):
        group.advantages = advantage.to(model.device, non_blocking=True)
    for units in algorithm.updates(groups, 4, rng):
        for unit in units:
            loss, measured = algorithm.loss(policy, unit)
            loss.backward()
            meter.add(measured, unit.weight)
    return meter


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_nothing_waits_inside_an_iteration(algorithm: str) -> None:
    config = resolve(algorithm, preset="none", sets=["sampling.steps=8", "sampling.group_size=4"])
    with FarDevice() as device:
        model = FarModel()
        device.waits.clear()
        meter = iterate(config, model)
        assert device.waits.total() == READS.get(algorithm, 0), device.waits
        device.waits.clear()
        values = meter.read()
    assert device.waits.total() == 1
    assert values == pytest.approx(iterate(config, ToyModel()).read(), nan_ok=True)


def test_the_stand_in_knows_what_waits_and_what_cannot_be_mixed() -> None:
    with FarDevice() as device:
        far, near = torch.ones(3).to(FAR), torch.arange(3)
        assert device.waits.total() == 1
        for times, wait in enumerate((far.sum().item, lambda: far[near], lambda: far[far > 0], far.nonzero, far.cpu), 2):
            wait()
            assert device.waits.total() == times
        assert torch.equal((far * 2.0)[near.to(FAR, non_blocking=True)].cpu(), torch.full((3,), 2.0))
        with pytest.raises(RuntimeError, match="same device"):
            far + near
        with pytest.raises(RuntimeError, match="makes the host wait"):
            far + torch.tensor([1.0, 2.0, 3.0], device=FAR)
