"""MixGRPO-Flash (arXiv 2507.21802): MixGRPO whose steps after the window are fewer and solved by DPM-Solver++(2M).

With last = max(window): sigmas[0..last] stay, the rest becomes `compressed_tail`. Training is MixGRPO's, unchanged.
"""

from __future__ import annotations

import math

import torch
from torch.distributions import Normal


def compressed_tail(sigmas, last, ratio, shift):
    """From sigmas[last + 1] down to 0 in n_post points, evenly spaced in UNSHIFTED time.

    The reference code allows n_post = 1, a tail that stops before 0 and an image that is still noisy; here n_post >= 2.
    """
    n_post = max(int((len(sigmas) - 1 - last) * ratio), 2)
    start = sigmas[last + 1]
    u_start = start / (shift - (shift - 1) * start)  # the inverse of sigma = m u / (1 + (m - 1) u)
    tail = [start]
    for n in range(1, n_post):
        u = u_start * (1 - n / (n_post - 1))
        tail.append(shift * u / (1 + (shift - 1) * u))
    return tail


def sde_policy(velocity, x, s, t, a):
    """pi(. | x) of one flow-SDE step, x (*L), and the step's x0hat."""
    dt = t - s
    v = velocity(x[None], s)[0]
    eta = a * math.sqrt(s / (1 - (t if s == 1 else s)))
    mean = x + v * dt + eta**2 / (2 * s) * (x + (1 - s) * v) * dt
    return Normal(mean, eta * math.sqrt(-dt)), x - s * v


def dpm2m(x, x0hat, x0hat_before, s_before, s, t):
    """DPM-Solver++(2M, midpoint); first order where lambda = log((1-u)/u) is infinite or there is no history."""
    if x0hat_before is None or t == 0 or s_before == 1:
        return (t / s) * x + (1 - t / s) * x0hat
    lam_before, lam_s, lam_t = (math.log((1 - u) / u) for u in (s_before, s, t))
    r = (lam_s - lam_before) / (lam_t - lam_s)
    return (t / s) * x + (1 - t / s) * (x0hat + (x0hat - x0hat_before) / (2 * r))


def run(velocity, velocity_old, velocity_ref, noise, eps, rewards, sigmas, *, window, members=None, ratio=0.4,
        shift=3.0, feed_history=True, a=0.7, weights=None, clip=1e-4, adv_clip=5.0, beta=0.0):  # fmt: skip
    """sigmas: the FULL schedule of T + 1 points; feed_history: the x0hat before the tail makes its first step order 2.

    The other arguments are MixGRPO's; velocity_ref is unused.
    """
    G, last = len(noise), max(window)
    path = list(sigmas[: last + 1]) + compressed_tail(sigmas, last, ratio, shift)

    states, old_log_prob = [], {}
    with torch.no_grad():
        for i in range(G):
            x, before = [noise[i]], None
            for k in range(len(path) - 1):
                s, t = path[k], path[k + 1]
                if k in window:
                    pi, x0hat = sde_policy(velocity_old, x[k], s, t, a)
                    x.append(pi.mean + pi.stddev * eps[k][i])
                    old_log_prob[i, k] = pi.log_prob(x[k + 1]).mean()
                else:
                    v = velocity_old(x[k][None], s)[0]
                    x0hat = x[k] - s * v
                    if k < last:  # before the window: Euler
                        x.append(x[k] + (t - s) * v)
                    else:
                        x.append(dpm2m(x[k], x0hat, before, path[k - 1], s, t))
                before = x0hat if feed_history or k > last else None
            states.append(torch.stack(x))
    final = torch.stack([x[-1] for x in states])

    A = 0.0
    rewards = torch.atleast_2d(rewards(final) if callable(rewards) else rewards)
    weights = [1.0] * len(rewards) if weights is None else weights
    for w, r in zip(weights, rewards, strict=True):
        A = A + w / sum(weights) * (r - r.mean()) / (r.std() + 1e-8)

    loss, pairs, log_ratios = 0.0, [], []
    for i in range(G) if members is None else members:
        for k in window:
            pi, _ = sde_policy(velocity, states[i][k], sigmas[k], sigmas[k + 1], a)
            log_ratio = pi.log_prob(states[i][k + 1]).mean() - old_log_prob[i, k]
            rho, adv = log_ratio.exp(), A[i].clamp(-adv_clip, adv_clip)
            loss = loss + torch.maximum(-adv * rho, -adv * rho.clamp(1 - clip, 1 + clip)) + beta * 0.5 * log_ratio**2
            pairs.append((i, k))
            log_ratios.append(log_ratio)

    return {
        "loss": loss / len(pairs),
        "final": final,
        "states": torch.stack(states, dim=1),  # (len(path), G, *L)
        "advantages": A,
        "pairs": pairs,  # (member, step) of each entry below
        "log_ratio": torch.stack(log_ratios),
        "path": path,
    }
