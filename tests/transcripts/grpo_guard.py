"""GRPO-Guard (arXiv 2510.22319): Flow-GRPO whose ratio is normalised per step and whose steps pull equally.

The rollout is Flow-GRPO's: y = mean + S xi on every step, S = eta sqrt(Delta), eta = a sqrt(s/(1-s)). RatioNorm:

(1) rho = exp((lp - lp_old + b) S),   b = mean_d (mean - mean_old)^2 / (2 S^2),   lp = mean_d log N(y; mean, S^2)
(2) L = mean max(-A rho, -A clip(rho, 1-e, 1+e)) / Delta + beta KL

b removes the negative bias of lp - lp_old and S its scale: log rho = mean_d xi (mean - mean_old) exactly.

Left open, and read here as follows. The division by Delta, the paper's reweighting of the steps, is in copies of the
official script and missing in another framework: `over_delta`. It divides the clipped term only, never the KL, which is
Flow-GRPO's (over 2 eta^2). The clip range for (1) is not Flow-GRPO's in meaning; its value, 1e-4, is a placeholder.
"""

from __future__ import annotations

import math

import torch
from torch.distributions import Normal


def step_noise(s, t, a):
    """eta, without the factor sqrt(Delta); at s = 1, where it is infinite, 1 - s is taken at the next sigma."""
    return a * math.sqrt(s / (1 - (t if s == 1 else s)))


def policy(velocity, x, s, t, a):
    """Mean (*L) and S of one step from x (*L)."""
    dt, eta = t - s, step_noise(s, t, a)
    v = velocity(x[None], s)[0]
    return x + v * dt + eta**2 / (2 * s) * (x + (1 - s) * v) * dt, eta * math.sqrt(-dt)


def rollout(velocity_old, noise, eps, sigmas, *, a=0.7):
    """noise (G, *L), eps[k] (G, *L): states (T + 1, G, *L), lp_old and mean_old as {(i, k): ...}."""
    states, old_log_prob, old_mean = [], {}, {}
    with torch.no_grad():
        for i in range(len(noise)):
            x = [noise[i]]
            for k in range(len(sigmas) - 1):
                mean, S = policy(velocity_old, x[k], sigmas[k], sigmas[k + 1], a)
                x.append(mean + S * eps[k][i])
                old_log_prob[i, k], old_mean[i, k] = Normal(mean, S).log_prob(x[k + 1]).mean(), mean
            states.append(torch.stack(x))
    return torch.stack(states, dim=1), old_log_prob, old_mean


def advantages(rewards, weights=None, epoch_rewards=None):
    """rewards (R, G) -> (G,): Flow-GRPO's; `epoch_rewards` (R, N) of all prompts make the std a global one."""
    weights = [1.0] * len(rewards) if weights is None else weights
    r = sum(w * row for w, row in zip(weights, rewards, strict=True))
    spread = r if epoch_rewards is None else sum(w * row for w, row in zip(weights, epoch_rewards, strict=True))
    return (r - r.mean()) / (spread.std(correction=0) + 1e-4)


def log_ratios(velocity, states, old_log_prob, old_mean, sigmas, pairs, *, a=0.7):
    """log rho of (1) for each (member, step) in `pairs`: (len(pairs),)."""
    found = []
    for i, k in pairs:
        mean, S = policy(velocity, states[k, i], sigmas[k], sigmas[k + 1], a)
        bias = ((mean - old_mean[i, k]) ** 2).mean() / (2 * S**2)
        found.append((Normal(mean, S).log_prob(states[k + 1, i]).mean() - old_log_prob[i, k] + bias) * S)
    return torch.stack(found)


def loss(velocity, velocity_ref, states, old_log_prob, old_mean, A, sigmas, pairs, *, a=0.7, clip=1e-4, adv_clip=5.0,
         beta=0.0, over_delta=True):  # fmt: skip
    """(2) over `pairs`; states (T + 1, G, *L), A (G,) before clipping. A scalar."""
    found, total = log_ratios(velocity, states, old_log_prob, old_mean, sigmas, pairs, a=a), 0.0
    for (i, k), log_ratio in zip(pairs, found, strict=True):
        s, t = sigmas[k], sigmas[k + 1]
        rho, adv = log_ratio.exp(), A[i].clamp(-adv_clip, adv_clip)
        term = torch.maximum(-adv * rho, -adv * rho.clamp(1 - clip, 1 + clip))
        mean, _ = policy(velocity, states[k, i], s, t, a)
        with torch.no_grad():
            mean_ref, _ = policy(velocity_ref, states[k, i], s, t, a)
        kl = ((mean - mean_ref) ** 2).mean() / (2 * step_noise(s, t, a) ** 2)
        total = total + (term / (s - t) if over_delta else term) + beta * kl
    return total / len(pairs)


def run(velocity, velocity_old, velocity_ref, noise, eps, rewards, sigmas, *, steps, members=None, a=0.7, weights=None,
        epoch_rewards=None, clip=1e-4, adv_clip=5.0, beta=0.0, over_delta=True):  # fmt: skip
    """steps: the transitions that are trained; members: who is in this update (default: everybody)."""
    states, old, old_mean = rollout(velocity_old, noise, eps, sigmas, a=a)
    final = states[-1]  # carries the noise of its last step, as in Flow-GRPO
    A = advantages(torch.atleast_2d(rewards(final) if callable(rewards) else rewards), weights, epoch_rewards)
    pairs = [(i, k) for i in (range(len(noise)) if members is None else members) for k in steps]
    value = loss(velocity, velocity_ref, states, old, old_mean, A, sigmas, pairs,
                 a=a, clip=clip, adv_clip=adv_clip, beta=beta, over_delta=over_delta)  # fmt: skip
    return {
        "loss": value,
        "final": final,
        "states": states,
        "advantages": A,
        "pairs": pairs,
        "log_ratio": log_ratios(velocity, states, old, old_mean, sigmas, pairs, a=a),
    }
