"""DanceGRPO (arXiv 2505.07818), rectified-flow branch: SDE noise on every step, one update for given (sample, step).

The reverse SDE is dx = [v - eta^2/2 score] dt + eta dw with a constant eta, discretised by Euler-Maruyama, dt < 0.
"""

from __future__ import annotations

import math

import torch
from torch.distributions import Normal


def shared_noise(eps_star, G):
    """Every member of the group starts from one and the same noise; its diversity comes from the SDE alone."""
    return torch.stack([eps_star for _ in range(G)])


def policy(velocity, x, s, t, eta):
    """pi(. | x) of one step, x (*L): the reference code's form, with the score written through x0hat."""
    dt = t - s
    v = velocity(x[None], s)[0]
    x0hat = x - s * v
    score = -(x - (1 - s) * x0hat) / s**2
    mean = x + v * dt - 0.5 * eta**2 * score * dt
    return Normal(mean, eta * math.sqrt(-dt)), x0hat


def run(velocity, velocity_old, velocity_ref, noise, eps, rewards, sigmas, *, steps, eta=0.3, weights=None,
        clip=1e-4, adv_clip=5.0):  # fmt: skip
    """steps[i] lists the transitions that member i trains; an empty list leaves i to another update.

    velocity_ref is unused: the method has no KL. Several rewards are summed (`weights`, default 1) before the z-score.
    """
    G, T = len(noise), len(sigmas) - 1

    states, finals, old_log_prob = [], [], {}
    with torch.no_grad():
        for i in range(G):
            x = [noise[i]]
            for k in range(T):
                pi, x0hat = policy(velocity_old, x[k], sigmas[k], sigmas[k + 1], eta)
                x.append(pi.mean + pi.stddev * eps[k][i])
                old_log_prob[i, k] = pi.log_prob(x[k + 1]).mean()  # mean over dims, as in the reference code
            states.append(torch.stack(x))
            finals.append(x0hat)  # the image is the clean prediction of the last step; its noisy end is never looked at
    final = torch.stack(finals)

    r = torch.atleast_2d(rewards(final) if callable(rewards) else rewards)
    r = sum((1.0 if weights is None else weights[n]) * r[n] for n in range(len(r)))
    A = (r - r.mean()) / (r.std() + 1e-8)  # unbiased std over the group

    loss, pairs, log_ratios = 0.0, [], []
    for i in range(G):
        for k in steps[i]:
            pi, _ = policy(velocity, states[i][k], sigmas[k], sigmas[k + 1], eta)
            log_ratio = pi.log_prob(states[i][k + 1]).mean() - old_log_prob[i, k]
            rho, a = log_ratio.exp(), A[i].clamp(-adv_clip, adv_clip)
            loss = loss + torch.maximum(-a * rho, -a * rho.clamp(1 - clip, 1 + clip))
            pairs.append((i, k))
            log_ratios.append(log_ratio)

    return {
        "loss": loss / len(pairs),
        "final": final,
        "states": torch.stack(states, dim=1),  # (T + 1, G, *L), the last one noisy
        "advantages": A,
        "pairs": pairs,  # (member, step) of each entry below
        "log_ratio": torch.stack(log_ratios),
    }
