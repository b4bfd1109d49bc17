"""MixGRPO (arXiv 2507.21802): SDE steps inside a window, Euler ODE steps elsewhere, only the window is trained.

The window's SDE is Flow-GRPO's: dx = [v + eta_s^2/(2s) epshat] dt + eta_s dw, eta_s = a sqrt(s/(1-s)), dt < 0.
"""

from __future__ import annotations

import math

import torch
from torch.distributions import Normal


def policy(velocity, x, s, t, a):
    """pi(. | x) of one SDE step, x (*L)."""
    dt = t - s
    v = velocity(x[None], s)[0]
    epshat = x + (1 - s) * v
    s_prime = t if s == 1 else s  # sqrt(s/(1-s)) is infinite at s = 1: the next sigma stands in
    eta = a * math.sqrt(s / (1 - s_prime))
    mean = x + v * dt + eta**2 / (2 * s) * epshat * dt
    return Normal(mean, eta * math.sqrt(-dt))


def merged_z_scores(rewards, weights=None):
    """z-score (unbiased std) of each reward over the group, then their weighted average."""
    weights = [1.0] * len(rewards) if weights is None else weights
    A = 0.0
    for w, r in zip(weights, rewards, strict=True):
        A = A + w / sum(weights) * (r - r.mean()) / (r.std() + 1e-8)
    return A


def run(velocity, velocity_old, velocity_ref, noise, eps, rewards, sigmas, *, window, members=None, a=0.7,
        weights=None, clip=1e-4, adv_clip=5.0, beta=0.0):  # fmt: skip
    """window: the SDE transitions, all trained; members: who is in this update (default: everybody).

    beta weighs the method's pull towards the OLD policy, (log ratio)^2 / 2; velocity_ref is unused.
    """
    G, T = len(noise), len(sigmas) - 1

    states, old_log_prob = [], {}
    with torch.no_grad():
        for i in range(G):
            x = [noise[i]]
            for k in range(T):
                s, t = sigmas[k], sigmas[k + 1]
                if k in window:
                    pi = policy(velocity_old, x[k], s, t, a)
                    x.append(pi.mean + pi.stddev * eps[k][i])
                    old_log_prob[i, k] = pi.log_prob(x[k + 1]).mean()
                else:
                    x.append(x[k] + (t - s) * velocity_old(x[k][None], s)[0])
            states.append(torch.stack(x))
    final = torch.stack([x[T] for x in states])

    A = merged_z_scores(torch.atleast_2d(rewards(final) if callable(rewards) else rewards), weights)

    loss, pairs, log_ratios = 0.0, [], []
    for i in range(G) if members is None else members:
        for k in window:
            pi = policy(velocity, states[i][k], sigmas[k], sigmas[k + 1], a)
            log_ratio = pi.log_prob(states[i][k + 1]).mean() - old_log_prob[i, k]
            rho, adv = log_ratio.exp(), A[i].clamp(-adv_clip, adv_clip)
            loss = loss + torch.maximum(-adv * rho, -adv * rho.clamp(1 - clip, 1 + clip)) + beta * 0.5 * log_ratio**2
            pairs.append((i, k))
            log_ratios.append(log_ratio)

    return {
        "loss": loss / len(pairs),
        "final": final,
        "states": torch.stack(states, dim=1),  # (T + 1, G, *L)
        "advantages": A,
        "pairs": pairs,  # (member, step) of each entry below
        "log_ratio": torch.stack(log_ratios),
    }
