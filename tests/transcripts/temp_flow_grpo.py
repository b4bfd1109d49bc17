"""TempFlow-GRPO (arXiv 2508.04324): credit for one branching step at a time, and steps weighted by their noise.

Member i starts from its seed and walks the ODE by Euler steps, except at its noisy transitions, with s, t, Delta = s - t:

(1) y = x + v dt + eta^2/(2s) epshat dt + S xi,   S = eta sqrt(Delta), eta = a sqrt(s/(1-s)), dt = -Delta
(2) w_k = S_k / mean of S over the trained transitions
(3) L = mean w_k max(-A rho, -A clip(rho, 1-e, 1+e)) + beta KL,   rho = exp(mean_d log-ratio of the Gaussians (1))

Branching: each member has ONE noisy transition, its branch, and only that one is trained. Noise-aware weighting alone:
every transition is noisy and the trained ones are Flow-GRPO's. Both are the argument `noisy`. Branches of a seed share
their steps before the branch; here they are walked again for each member, which gives the same states.

Left open, and read here as follows. The mean in (2) is over the DISTINCT trained transitions, and (2) weighs the clipped
term only. The paper does not settle which branches are normalised together: `groups` labels them, by default the whole
prompt; labels of the seed, or of (seed, branch), are the other readings. The std is a POPULATION std + 1e-4, as in Flow-GRPO.
"""

from __future__ import annotations

import math

import torch
from torch.distributions import Normal


def step_noise(s, t, a):
    """eta, without the factor sqrt(Delta); at s = 1, where it is infinite, 1 - s is taken at the next sigma."""
    return a * math.sqrt(s / (1 - (t if s == 1 else s)))


def policy(velocity, x, s, t, a):
    """pi(. | x) of one step (1), x (*L)."""
    dt, eta = t - s, step_noise(s, t, a)
    v = velocity(x[None], s)[0]
    return Normal(x + v * dt + eta**2 / (2 * s) * (x + (1 - s) * v) * dt, eta * math.sqrt(-dt))


def step_weights(sigmas, steps, a=0.7):
    """(2): {k: w_k} over the distinct `steps`."""
    S = {k: step_noise(sigmas[k], sigmas[k + 1], a) * math.sqrt(sigmas[k] - sigmas[k + 1]) for k in set(steps)}
    mean = sum(S.values()) / len(S)
    return {k: value / mean for k, value in S.items()}


def rollout(velocity_old, noise, eps, sigmas, noisy, *, a=0.7):
    """noise (G, *L), eps[k] (G, *L), noisy[i] the noisy transitions of i: states (T + 1, G, *L), {(i, k): lp_old}."""
    states, old_log_prob = [], {}
    with torch.no_grad():
        for i in range(len(noise)):
            x = [noise[i]]
            for k in range(len(sigmas) - 1):
                s, t = sigmas[k], sigmas[k + 1]
                if k in noisy[i]:
                    pi = policy(velocity_old, x[k], s, t, a)
                    x.append(pi.mean + pi.stddev * eps[k][i])
                    old_log_prob[i, k] = pi.log_prob(x[k + 1]).mean()
                else:
                    x.append(x[k] + (t - s) * velocity_old(x[k][None], s)[0])
            states.append(torch.stack(x))
    return torch.stack(states, dim=1), old_log_prob


def advantages(rewards, groups=None, weights=None):
    """rewards (R, G), groups (G labels) -> (G,): z-score of the weighted sum inside each group."""
    weights = [1.0] * len(rewards) if weights is None else weights
    r = sum(w * row for w, row in zip(weights, rewards, strict=True))
    groups = [0] * len(r) if groups is None else groups
    A = torch.empty_like(r)
    for i in range(len(r)):
        together = torch.stack([r[j] for j in range(len(r)) if groups[j] == groups[i]])
        A[i] = (r[i] - together.mean()) / (together.std(correction=0) + 1e-4)
    return A


def log_ratios(velocity, states, old_log_prob, sigmas, pairs, *, a=0.7):
    """log rho of each (member, step) in `pairs`: (len(pairs),)."""
    found = []
    for i, k in pairs:
        pi = policy(velocity, states[k, i], sigmas[k], sigmas[k + 1], a)
        found.append(pi.log_prob(states[k + 1, i]).mean() - old_log_prob[i, k])
    return torch.stack(found)


def loss(velocity, velocity_ref, states, old_log_prob, A, sigmas, pairs, w, *, a=0.7, clip=1e-4, adv_clip=5.0, beta=0.0):
    """(3) over `pairs`; states (T + 1, G, *L), A (G,) before clipping, w {k: weight}. A scalar."""
    total = 0.0
    for (i, k), log_ratio in zip(pairs, log_ratios(velocity, states, old_log_prob, sigmas, pairs, a=a), strict=True):
        s, t = sigmas[k], sigmas[k + 1]
        rho, adv = log_ratio.exp(), A[i].clamp(-adv_clip, adv_clip)
        total = total + w[k] * torch.maximum(-adv * rho, -adv * rho.clamp(1 - clip, 1 + clip))
        with torch.no_grad():
            mean_ref = policy(velocity_ref, states[k, i], s, t, a).mean
        kl = ((policy(velocity, states[k, i], s, t, a).mean - mean_ref) ** 2).mean() / (2 * step_noise(s, t, a) ** 2)
        total = total + beta * kl
    return total / len(pairs)


def run(velocity, velocity_old, velocity_ref, noise, eps, rewards, sigmas, *, noisy, steps=None, members=None, groups=None,
        weighted=True, a=0.7, weights=None, clip=1e-4, adv_clip=5.0, beta=0.0):  # fmt: skip
    """noisy: a list of transitions for each member ([[k_0], [k_1], ...] when branching); steps: those of them that are
    trained (default: all); weighted=False leaves out (2)."""
    states, old = rollout(velocity_old, noise, eps, sigmas, noisy, a=a)
    final = states[-1]
    A = advantages(torch.atleast_2d(rewards(final) if callable(rewards) else rewards), groups, weights)
    members = range(len(noise)) if members is None else members
    trained = sorted({k for one in noisy for k in one if steps is None or k in steps})
    pairs = [(i, k) for i in members for k in sorted(noisy[i]) if k in trained]
    w = step_weights(sigmas, trained, a) if weighted else dict.fromkeys(trained, 1.0)
    return {
        "loss": loss(velocity, velocity_ref, states, old, A, sigmas, pairs, w, a=a, clip=clip, adv_clip=adv_clip, beta=beta),
        "final": final,
        "states": states,
        "advantages": A,
        "pairs": pairs,
        "log_ratio": log_ratios(velocity, states, old, sigmas, pairs, a=a),
    }
