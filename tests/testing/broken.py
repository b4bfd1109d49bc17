"""Components that are nearly right, each with one fault."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from genrl.testing import ToyModel
from genrl.types import Step


@dataclass(frozen=True)
class Broken:
    """Behaves as `base` does, but for the methods of the subclass."""

    base: Any

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copy asks for these before there is a base
            raise AttributeError(name)
        return getattr(self.base, name)


class Overshoot(Broken):
    def step(self, velocity, x, sigma, sigma_next, carry, stochastic):
        step = self.base.step(velocity, x, sigma, sigma_next, carry, stochastic)
        return dataclasses.replace(step, mean=step.mean + 0.1 * (step.mean - x))


class Remembers(Broken):
    seen: ClassVar[list[Any]] = []

    def step(self, velocity, x, sigma, sigma_next, carry, stochastic):
        self.seen.append(sigma)
        step = self.base.step(velocity, x, sigma, sigma_next, carry, stochastic)
        return dataclasses.replace(step, mean=step.mean + 1e-3 * len(self.seen))


class AlwaysNoisy(Broken):
    def step(self, velocity, x, sigma, sigma_next, carry, stochastic):
        return self.base.step(velocity, x, sigma, sigma_next, carry, True)


class InPlace(Broken):
    def step(self, velocity, x, sigma, sigma_next, carry, stochastic):
        v = velocity(x.clone(), sigma)
        return Step(x.add_(v, alpha=sigma_next - sigma), 0.0, x - sigma * v)


class AsksElsewhere(Broken):
    def step(self, velocity, x, sigma, sigma_next, carry, stochastic):
        v = velocity(x, sigma_next)
        return Step(x + (sigma_next - sigma) * v, 0.0, x - sigma * v)


class Detached(Broken):
    def step(self, velocity, x, sigma, sigma_next, carry, stochastic):
        return self.base.step(lambda y, s: velocity(y, s).detach(), x, sigma, sigma_next, carry, stochastic)


class HalfPrecision(Broken):
    def step(self, velocity, x, sigma, sigma_next, carry, stochastic):
        step = self.base.step(velocity, x, sigma, sigma_next, carry, stochastic)
        return Step(step.mean.half(), step.std, step.x0, step.carry)


class AsksTwice(Broken):
    def step(self, velocity, x, sigma, sigma_next, carry, stochastic):
        velocity(x, sigma)
        return self.base.step(velocity, x, sigma, sigma_next, carry, stochastic)


class Asks(Broken):
    evaluations: ClassVar[int] = 1


class Wide(Broken):
    def __call__(self, size, shape, rng):
        return 1.05 * self.base(size, shape, rng)


class Uniform(Broken):
    def __call__(self, size, shape, rng):
        return (torch.rand((size, *shape), generator=rng) - 0.5) * 12**0.5


class GlobalNoise(Broken):
    def __call__(self, size, shape, rng):
        return torch.randn((size, *shape))


class Smooth(Broken):
    """Neighbouring dimensions are equal: each is standard normal, together they are not."""

    def __call__(self, size, shape, rng):
        noise = self.base(size, shape, rng)
        noise[..., 1::2] = noise[..., ::2][..., : noise[..., 1::2].shape[-1]]
        return noise


class Noisy(Broken):
    def plan(self, iteration, sigmas, size, rng):
        return self.base.plan(iteration, sigmas, size, torch.default_generator)


class HalfNoisy(Broken):
    def plan(self, iteration, sigmas, size, rng):
        plan = self.base.plan(iteration, sigmas, size, rng)
        return dataclasses.replace(plan, stochastic=tuple(t % 2 == 0 for t in range(plan.length)))


class Unfinished(Broken):
    def plan(self, iteration, sigmas, size, rng):
        plan = self.base.plan(iteration, sigmas, size, rng)
        return dataclasses.replace(plan, sigmas=(*plan.sigmas[:-1], 0.01))


class Descending(Broken):
    def plan(self, iteration, sigmas, size, rng):
        plan = self.base.plan(iteration, sigmas, size, rng)
        return dataclasses.replace(plan, trained=plan.trained.flip(-1))


class Twice(Broken):
    def __call__(self, size, rng):
        return torch.zeros(2, dtype=torch.int64)


class LogProb(Broken):
    """Forgets to subtract the old log-probability."""

    def log_ratio(self, step, old, group, members, t):
        log_ratio, metrics = self.base.log_ratio(step, old, group, members, t)
        return log_ratio + group.kept[t].log_prob[members][:, None], metrics


class Naive(Broken):
    """The printed difference of two distances, in float32."""

    def log_ratio(self, step, old, group, members, t):
        candidates = group.kept[t].next_state.flatten(1)
        log_pi, log_old = (
            torch.log_softmax(-((candidates[None] - z.mean.flatten(1)[:, None]) ** 2).sum(-1), dim=1) for z in (step, old)
        )
        return log_pi - log_old, {}


class ByTheSpread(Broken):
    """A temperature that is 0 where all members are the same."""

    def log_ratio(self, step, old, group, members, t):
        log_ratio, metrics = self.base.log_ratio(step, old, group, members, t)
        return log_ratio / group.kept[t].next_state.std(dim=0).mean(), metrics


class NoGradient(Broken):
    def log_ratio(self, step, old, group, members, t):
        log_ratio, metrics = self.base.log_ratio(step, old, group, members, t)
        return log_ratio.detach() + 0.0 * step.mean.sum(), metrics


class Favourite(Broken):
    """The first member is special."""

    def log_ratio(self, step, old, group, members, t):
        log_ratio, metrics = self.base.log_ratio(step, old, group, members, t)
        return log_ratio * (1.0 + (members == 0)[:, None]), metrics


class Uncentered(Broken):
    def __call__(self, rewards, weights, plan):
        return (rewards * weights[:, None, None]).nansum(0)[..., None]


class Careless(Broken):
    """Divides by a deviation that may be 0."""

    def __call__(self, rewards, weights, plan):
        total = (rewards * weights[:, None, None]).sum(0)
        return ((total - total.mean(1, keepdim=True)) / total.std(1, keepdim=True))[..., None]


class Reversed(Broken):
    def __call__(self, rewards, weights, plan):
        return -self.base(rewards, weights, plan)


class ByPosition(Broken):
    def __call__(self, rewards, weights, plan):
        values = self.base(rewards, weights, plan)
        return values * torch.linspace(1.0, 2.0, values.shape[1])[:, None]


class WrongSign(Broken):
    def __call__(self, log_ratio, advantage, divergence=None):
        return self.base(log_ratio, -advantage)


class Unclipped(Broken):
    def __call__(self, log_ratio, advantage, divergence=None):
        return -(advantage * log_ratio.exp()).sum(1).mean(), {}


class Hardclipped(Broken):
    """Clips on both sides, so a bad step is never taken back."""

    def __call__(self, log_ratio, advantage, divergence=None):
        return -(advantage * log_ratio.exp().clamp(0.8, 1.2)).sum(1).mean(), {}


class MeanOverAll(Broken):
    def __call__(self, log_ratio, advantage, divergence=None):
        return -(advantage * log_ratio.exp()).mean(), {"graph": log_ratio.mean()}


class Partial(Broken):
    """Likes the members that come first."""

    def __call__(self, log_ratio, advantage, divergence=None):
        return self.base(log_ratio, advantage * torch.linspace(2.0, 1.0, advantage.shape[1]))


class Adds(Broken):
    """Sums over anchors, so a batch of twice the rows pushes twice as hard."""

    def __call__(self, log_ratio, advantage, divergence=None):
        loss, metrics = self.base(log_ratio, advantage)
        return len(log_ratio) * loss, metrics


class Pushes(Broken):
    def __call__(self, step, reference, sigma, sigma_next, log_ratio):
        return 1.0 - self.base(step, reference, sigma, sigma_next, log_ratio)


class Ranks:
    def __call__(self, prompts, completions, **columns):
        return list(range(len(prompts)))


class Crashes:
    media = "tensor"

    def __call__(self, prompts, completions, **columns):
        spread = completions.flatten(1).std(dim=1)
        return [1.0 / value if value else 1 / 0 for value in spread.tolist()]


class Paints:
    media = "tensor"

    def __call__(self, prompts, completions, **columns):
        return completions.mul_(0.9).flatten(1).mean(1).tolist()


class Counts:
    calls: ClassVar[list[int]] = []

    def __call__(self, prompts, completions, **columns):
        self.calls.append(1)
        return [float(len(self.calls))] * len(prompts)


class Glances:
    """Compares with the brightest picture of all groups, not of the own one."""

    media = "tensor"
    group_wise = True

    def __call__(self, prompts, completions, groups, **columns):
        brightness = completions.flatten(1).mean(dim=1)
        return brightness - brightness.max()


class Strays:
    bounds = (0.0, 1.0)

    def __call__(self, prompts, completions, **columns):
        return [2.0] * len(prompts)


class Claims:
    """Says that it has a gradient, which rounding takes away."""

    media = "tensor"
    differentiable = True

    def __call__(self, prompts, completions, **columns):
        return (completions * 255).round().flatten(1).mean(dim=1)


class Table(Broken):
    def rows(self, split):
        return [{"prompt": text} for text in self.base[split]]


class Doubles(ToyModel):
    def velocity(self, x, sigma, condition):
        return super().velocity(x.double(), sigma, condition)


class Mixes(ToyModel):
    def velocity(self, x, sigma, condition):
        return super().velocity(x - x.mean(0), sigma, condition)


class OneTime(ToyModel):
    def velocity(self, x, sigma, condition):
        return super().velocity(x, float(torch.as_tensor(sigma).flatten()[0]), condition)


class Deaf(ToyModel):
    def velocity(self, x, sigma, condition):
        return super().velocity(x, sigma, self.encode(["the same"] * len(x))[0])


class Raw(ToyModel):
    def decode(self, latents):
        return latents


class Frozen(ToyModel):
    def velocity(self, x, sigma, condition):
        return super().velocity(x, sigma, condition).detach()
