"""A flow with everything in closed form, and a model around it that trains in milliseconds."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from genrl.protocols import Velocity
from genrl.schedule import shift_grid
from genrl.types import Condition

#: Latents of the toy model: pictures of 2 x 2 pixels.
SHAPE = (3, 2, 2)


@dataclass(frozen=True)
class GaussianFlow:
    """Data x0 ~ N(mean, variance I): velocity, marginals and the ODE's exact map, elementwise for any shape and dtype.

    variance = 0 is a single data point, for which the clean estimate is exact.
    """

    mean: float = 0.7
    variance: float = 0.25

    def marginal_mean(self, sigma: float) -> float:
        return (1.0 - sigma) * self.mean

    def marginal_variance(self, sigma: float) -> float:
        return (1.0 - sigma) ** 2 * self.variance + sigma**2

    def x0(self, x: Tensor, sigma: float) -> Tensor:
        """E[x0 | x]."""
        gain = (1.0 - sigma) * self.variance / self.marginal_variance(sigma)
        return self.mean + gain * (x - self.marginal_mean(sigma))

    def velocity(self, x: Tensor, sigma: float) -> Tensor:
        """E[eps - x0 | x]."""
        eps = sigma / self.marginal_variance(sigma) * (x - self.marginal_mean(sigma))
        return eps - self.x0(x, sigma)

    def flow(self, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        """Where the exact ODE carries `x` from `sigma` to `sigma_next`, in either direction."""
        scale = math.sqrt(self.marginal_variance(sigma_next) / self.marginal_variance(sigma))
        return self.marginal_mean(sigma_next) + scale * (x - self.marginal_mean(sigma))


class ToyNetwork(nn.Module):
    """The exact velocity of a Gaussian flow, plus a trainable affine function of (x, sigma) that starts near 0."""

    def __init__(self, shape: Sequence[int] = SHAPE, seed: int = 0) -> None:
        super().__init__()
        self.flow = GaussianFlow(mean=0.0)
        size = math.prod(shape)
        self.correction = nn.Linear(size + 1, size)
        rng = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(0.01 * torch.randn(parameter.shape, generator=rng))

    def forward(self, x: Tensor, sigma: float, mean_B: Tensor) -> Tensor:
        """Velocity (B, *L) of data around `mean_B`, one number for each row."""
        mean = mean_B.view(-1, *(1 for _ in x.shape[1:]))
        exact = self.flow.velocity(x - (1.0 - sigma) * mean, sigma) - mean
        flat = x.flatten(1)
        return exact + self.correction(torch.cat([flat, flat.new_full((len(x), 1), sigma)], dim=1)).view_as(x)


class ToyModel:
    """A `FlowModel` in 30 lines: each text has its own mean, and latents are pictures of 2 x 2 pixels."""

    def __init__(self, seed: int = 0) -> None:
        self.network = ToyNetwork(seed=seed)
        self._means: dict[str, float] = {}

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def encode(self, texts: Sequence[str]) -> tuple[Condition, int]:
        new = set(texts) - self._means.keys()
        for text in new:
            self._means[text] = hashlib.blake2b(text.encode(), digest_size=1).digest()[0] / 255.0 - 0.5
        return Condition(tuple(texts)), len(new)

    def latent_shape(self) -> tuple[int, ...]:
        return SHAPE

    def sigmas(self, steps: int) -> tuple[float, ...]:
        return shift_grid(steps, 1.0)

    def velocity(self, x: Tensor, sigma: float | Tensor, condition: Condition) -> Tensor:
        means = torch.tensor([self._means[text] for text in condition.texts], dtype=x.dtype)
        if isinstance(sigma, Tensor):
            rows = [self.network(x[b : b + 1], s, means[b : b + 1]) for b, s in enumerate(sigma.tolist())]
            return torch.cat(rows)
        return self.network(x, sigma, means)

    def solve(self, condition: Condition, sigmas: tuple[float, ...]) -> AbstractContextManager[Velocity]:
        return nullcontext(partial(self.velocity, condition=condition))

    def decode(self, latents: Tensor) -> Tensor:
        return latents.float().sigmoid()

    def media_shape(self) -> tuple[int, ...]:
        return SHAPE

    def encode_media(self, media: Tensor) -> Tensor:
        return media.float().clamp(0.01, 0.99).logit()

    def save(self, folder: Any, weights: str) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        save_file(self.network.state_dict(), Path(folder) / "network.safetensors")
