"""What the self-checks share: a linear velocity field, a schedule, and closed forms of a step and of a gradient."""

from __future__ import annotations

import math

import torch

G, L, D, T, SHIFT = 5, (3, 2), 6, 8, 3.0


def schedule(steps):
    return [SHIFT * u / (1 + (SHIFT - 1) * u) for u in (1 - k / steps for k in range(steps + 1))]


class Linear(torch.nn.Module):
    """v(x, s) = W x + b - s."""

    def __init__(self, seed, drift=0.0):
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        move = torch.Generator().manual_seed(seed)
        self.W = torch.nn.Parameter(0.3 * torch.randn(D, D, generator=draw) + drift * torch.randn(D, D, generator=move))
        self.b = torch.nn.Parameter(0.3 * torch.randn(D, generator=draw) + drift * torch.randn(D, generator=move))

    def forward(self, x, sigma):
        return (x.flatten(1) @ self.W.T + self.b - sigma).reshape(x.shape)


def same(name, a, b, tol=1e-10):
    error = (torch.as_tensor(a) - torch.as_tensor(b)).abs().max().item()
    assert error <= tol, f"{name}: off by {error:.2e}"


def gradients(loss, model):
    return torch.autograd.grad(loss, [model.W, model.b])


def chain(force, x):
    """Gradients in (W, b) of a loss whose gradient in the velocity at x[n] is force[n]."""
    return force.T @ x.flatten(1), force.sum(0)


def gaussian(velocity, x, s, t, std):
    """Mean of the step in the (x0hat, epshat) form, which no Euler-Maruyama transcript uses."""
    v = velocity(x, s)
    return (1 - t) * (x - s * v) + (t - std**2 / (2 * s)) * (x + (1 - s) * v)


def noise_level(name, s, t, a=0.7, eta=0.3):
    return eta * math.sqrt(s - t) if name == "dance" else a * math.sqrt(s / (1 - (t if s == 1 else s)) * (s - t))


def problem(noisy):
    draw = torch.Generator().manual_seed(1)
    noise = torch.randn(G, *L, generator=draw)
    eps = {k: torch.randn(G, *L, generator=draw) for k in noisy}
    return noise, eps, torch.randn(1, G, generator=draw), schedule(T)
