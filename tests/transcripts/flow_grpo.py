"""Flow-GRPO (arXiv 2505.05470): SDE noise on every step, the last one included, and a KL to the reference model.

The step is Euler-Maruyama for dx = [v + eta_s^2/(2s) (x + (1-s) v)] dt + eta_s dw, eta_s = a sqrt(s/(1-s)), dt < 0.
"""

from __future__ import annotations

import math

import torch
from torch.distributions import Normal


def step_noise(s, t, a):
    """eta_s, without the factor sqrt(Delta); at s = 1, where it is infinite, 1 - s is taken at the next sigma."""
    return a * math.sqrt(s / (1 - (t if s == 1 else s)))


def policy(velocity, x, s, t, a):
    """pi(. | x) of one step, x (*L): the reference code's form, x and v collected."""
    dt, eta = t - s, step_noise(s, t, a)
    v = velocity(x[None], s)[0]
    mean = x * (1 + eta**2 / (2 * s) * dt) + v * (1 + eta**2 * (1 - s) / (2 * s)) * dt
    return Normal(mean, eta * math.sqrt(-dt))


def advantages(rewards, weights=None, epoch_rewards=None):
    """Weighted sum of the rewards, minus the group's mean, over a POPULATION std + 1e-4.

    The std is the group's, or, with `epoch_rewards` (R, N) of all prompts of the epoch, the global one.
    """
    weights = [1.0] * len(rewards) if weights is None else weights
    r = sum(w * row for w, row in zip(weights, rewards, strict=True))
    spread = r
    if epoch_rewards is not None:
        spread = sum(w * row for w, row in zip(weights, torch.atleast_2d(epoch_rewards), strict=True))
    return (r - r.mean()) / (spread.std(correction=0) + 1e-4)


def run(velocity, velocity_old, velocity_ref, noise, eps, rewards, sigmas, *, steps, members=None, a=0.7,
        weights=None, epoch_rewards=None, clip=1e-4, adv_clip=5.0, beta=0.04):  # fmt: skip
    """steps: the transitions that are trained, in order and for every sample; members: who is in this update.

    velocity_ref is called even at beta = 0, to report the KL.
    """
    G, T = len(noise), len(sigmas) - 1

    states, old_log_prob = [], {}
    with torch.no_grad():
        for i in range(G):
            x = [noise[i]]
            for k in range(T):
                pi = policy(velocity_old, x[k], sigmas[k], sigmas[k + 1], a)
                x.append(pi.mean + pi.stddev * eps[k][i])
                old_log_prob[i, k] = pi.log_prob(x[k + 1]).mean()
            states.append(torch.stack(x))
    final = torch.stack([x[T] for x in states])  # carries the noise of its last step

    A = advantages(torch.atleast_2d(rewards(final) if callable(rewards) else rewards), weights, epoch_rewards)

    surrogate, kl, pairs, log_ratios, kls = 0.0, 0.0, [], [], []
    for i in range(G) if members is None else members:
        for k in steps:
            s, t = sigmas[k], sigmas[k + 1]
            pi = policy(velocity, states[i][k], s, t, a)
            log_ratio = pi.log_prob(states[i][k + 1]).mean() - old_log_prob[i, k]
            rho, adv = log_ratio.exp(), A[i].clamp(-adv_clip, adv_clip)
            surrogate = surrogate + torch.maximum(-adv * rho, -adv * rho.clamp(1 - clip, 1 + clip))
            # As in the reference code, over eta^2: the Gaussians' true KL has eta^2 Delta, so it is larger by 1/Delta.
            with torch.no_grad():
                mean_ref = policy(velocity_ref, states[i][k], s, t, a).mean
            kl_ik = ((pi.mean - mean_ref) ** 2).mean() / (2 * step_noise(s, t, a) ** 2)
            kl = kl + kl_ik
            pairs.append((i, k))
            log_ratios.append(log_ratio)
            kls.append(kl_ik)

    return {
        "loss": (surrogate + beta * kl) / len(pairs),
        "final": final,
        "states": torch.stack(states, dim=1),  # (T + 1, G, *L)
        "advantages": A,
        "pairs": pairs,  # (member, step) of each entry below
        "log_ratio": torch.stack(log_ratios),
        "kl": torch.stack(kls),
    }
