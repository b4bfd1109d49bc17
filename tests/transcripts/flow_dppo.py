"""Flow-DPPO (arXiv 2606.11025): Flow-GRPO's ratio without a clip, and a mask by the exact divergence of each step.

With s = sigmas[k], t = sigmas[k+1], Delta = s - t, and k in a set of noisy steps, all trained; Euler steps elsewhere:

(1) y = x + v dt + eta^2/(2s) epshat dt + S xi,   S = eta sqrt(Delta), eta = a sqrt(s/(1-s)), dt = -Delta
(2) D = mean_d (mean - mean_old)^2 / (2 S^2)      eq. 14, of which the authors' code takes the mean over dimensions
(3) drop if D >= threshold and (rho > 1 and A > 0, or rho < 1 and A < 0)      eq. 18
(4) L = mean over all trained (member, step) of -A rho, or 0 where dropped,   rho = exp(lp - lp_old)

Left open, and read here as follows. The mean of (4) counts what is dropped, as in the authors' code. A is Flow-GRPO's.
"""

from __future__ import annotations

import math

import torch
from torch.distributions import Normal


def policy(velocity, x, s, t, a):
    """pi(. | x) of one noisy step (1), x (*L)."""
    dt, eta = t - s, a * math.sqrt(s / (1 - (t if s == 1 else s)))
    v = velocity(x[None], s)[0]
    return Normal(x + v * dt + eta**2 / (2 * s) * (x + (1 - s) * v) * dt, eta * math.sqrt(-dt))


def rollout(velocity_old, noise, eps, sigmas, steps, *, a=0.7):
    """noise (G, *L), eps[k] (G, *L) for k in steps: states (T + 1, G, *L), and {(i, k): pi_old} of the noisy steps."""
    states, old = [], {}
    with torch.no_grad():
        for i in range(len(noise)):
            x = [noise[i]]
            for k in range(len(sigmas) - 1):
                s, t = sigmas[k], sigmas[k + 1]
                if k in steps:
                    old[i, k] = policy(velocity_old, x[k], s, t, a)
                    x.append(old[i, k].mean + old[i, k].stddev * eps[k][i])
                else:
                    x.append(x[k] + (t - s) * velocity_old(x[k][None], s)[0])
            states.append(torch.stack(x))
    return torch.stack(states, dim=1), old


def run(velocity, velocity_old, velocity_ref, noise, eps, rewards, sigmas, *, steps, members=None, a=0.7, threshold=1e-5,
        adv_clip=5.0):  # fmt: skip
    """steps: the noisy transitions, all trained; members: who is in this update; velocity_ref is unused."""
    states, old = rollout(velocity_old, noise, eps, sigmas, steps, a=a)
    final = states[-1]
    r = torch.atleast_2d(rewards(final) if callable(rewards) else rewards).sum(dim=0)
    A = (r - r.mean()) / (r.std(correction=0) + 1e-4)

    total, pairs, log_ratios, dropped = 0.0, [], [], []
    for i in range(len(noise)) if members is None else members:
        for k in steps:
            new, y, adv = policy(velocity, states[k, i], sigmas[k], sigmas[k + 1], a), states[k + 1, i], A[i]
            log_ratio = new.log_prob(y).mean() - old[i, k].log_prob(y).mean()
            D = ((new.mean - old[i, k].mean) ** 2 / (2 * new.stddev**2)).mean()
            rho, adv = log_ratio.exp(), adv.clamp(-adv_clip, adv_clip)
            drop = bool(threshold <= D) and bool((rho > 1 and adv > 0) or (rho < 1 and adv < 0))
            total = total + (0.0 if drop else -adv * rho)
            pairs.append((i, k))
            log_ratios.append(log_ratio)
            dropped.append(drop)
    return {
        "loss": total / len(pairs),
        "final": final,
        "states": states,
        "advantages": A,
        "pairs": pairs,
        "log_ratio": torch.stack(log_ratios),
        "dropped": dropped,
    }
