"""Flow-CPS (arXiv 2509.05952): coefficients-preserving noise on every step, under the loss of Flow-GRPO.

With s = sigmas[k], t = sigmas[k+1], x0hat = x - s v, epshat = x + (1-s) v:

(1) y = (1-t) x0hat + sqrt(t^2 - std^2) epshat + std xi,   std = t sin(a pi/2), 0 <= a <= 1
(2) lp = -mean_d (y - mean)^2
(3) L = mean max(-A rho, -A clip(rho, 1-e, 1+e)) + beta mean_d (mean - mean_ref)^2,   rho = exp(lp - lp_old)

sqrt(t^2 - std^2) = t cos(a pi/2), so the noise in y keeps the level t, whatever a. (2) drops the 1/(2 std^2) of a Gaussian:
log rho is 2 std^2 times the Gaussian's, and clips are not those of Flow-GRPO. The last step has t = 0, std = 0: it draws
nothing and is never trained, and the image is the final state, without noise.

Left open, and read here as follows. The KL's denominator is 1 (2 std^2 with the same std^2 = 1/2 dropped as in (2)). The
advantage is Flow-GRPO's.
"""

from __future__ import annotations

import math

import torch


def policy(velocity, x, s, t, a):
    """Mean (*L) and std of one step from x (*L)."""
    v = velocity(x[None], s)[0]
    std = t * math.sin(a * math.pi / 2)
    return (1 - t) * (x - s * v) + math.sqrt(t**2 - std**2) * (x + (1 - s) * v), std


def rollout(velocity_old, noise, eps, sigmas, *, a=0.8):
    """noise (G, *L), eps[k] (G, *L) for k < T - 1: states (T + 1, G, *L) and lp_old as {(i, k): scalar}."""
    states, old_log_prob = [], {}
    with torch.no_grad():
        for i in range(len(noise)):
            x = [noise[i]]
            for k in range(len(sigmas) - 1):
                mean, std = policy(velocity_old, x[k], sigmas[k], sigmas[k + 1], a)
                if sigmas[k + 1] == 0:
                    x.append(mean)
                else:
                    x.append(mean + std * eps[k][i])
                    old_log_prob[i, k] = -((x[k + 1] - mean) ** 2).mean()
            states.append(torch.stack(x))
    return torch.stack(states, dim=1), old_log_prob


def advantages(rewards, weights=None, epoch_rewards=None):
    """rewards (R, G) -> (G,): Flow-GRPO's; `epoch_rewards` (R, N) of all prompts make the std a global one."""
    weights = [1.0] * len(rewards) if weights is None else weights
    r = sum(w * row for w, row in zip(weights, rewards, strict=True))
    spread = r if epoch_rewards is None else sum(w * row for w, row in zip(weights, epoch_rewards, strict=True))
    return (r - r.mean()) / (spread.std(correction=0) + 1e-4)


def log_ratios(velocity, states, old_log_prob, sigmas, pairs, *, a=0.8):
    """log rho of each (member, step) in `pairs`: (len(pairs),)."""
    found = []
    for i, k in pairs:
        mean, _ = policy(velocity, states[k, i], sigmas[k], sigmas[k + 1], a)
        found.append(-((states[k + 1, i] - mean) ** 2).mean() - old_log_prob[i, k])
    return torch.stack(found)


def loss(velocity, velocity_ref, states, old_log_prob, A, sigmas, pairs, *, a=0.8, clip=1e-5, adv_clip=5.0, beta=0.0):
    """(3) over `pairs`; states (T + 1, G, *L), A (G,) before clipping. A scalar."""
    total = 0.0
    for (i, k), log_ratio in zip(pairs, log_ratios(velocity, states, old_log_prob, sigmas, pairs, a=a), strict=True):
        rho, adv = log_ratio.exp(), A[i].clamp(-adv_clip, adv_clip)
        total = total + torch.maximum(-adv * rho, -adv * rho.clamp(1 - clip, 1 + clip))
        mean, _ = policy(velocity, states[k, i], sigmas[k], sigmas[k + 1], a)
        with torch.no_grad():
            mean_ref, _ = policy(velocity_ref, states[k, i], sigmas[k], sigmas[k + 1], a)
        total = total + beta * ((mean - mean_ref) ** 2).mean()
    return total / len(pairs)


def run(velocity, velocity_old, velocity_ref, noise, eps, rewards, sigmas, *, steps=None, members=None, a=0.8,
        weights=None, epoch_rewards=None, clip=1e-5, adv_clip=5.0, beta=0.0):  # fmt: skip
    """steps: the trained transitions (default: all but the last); members: who is in this update."""
    states, old = rollout(velocity_old, noise, eps, sigmas, a=a)
    final = states[-1]
    A = advantages(torch.atleast_2d(rewards(final) if callable(rewards) else rewards), weights, epoch_rewards)
    steps = range(len(sigmas) - 2) if steps is None else steps
    pairs = [(i, k) for i in (range(len(noise)) if members is None else members) for k in steps]
    return {
        "loss": loss(velocity, velocity_ref, states, old, A, sigmas, pairs, a=a, clip=clip, adv_clip=adv_clip, beta=beta),
        "final": final,
        "states": states,
        "advantages": A,
        "pairs": pairs,
        "log_ratio": log_ratios(velocity, states, old, sigmas, pairs, a=a),
    }
