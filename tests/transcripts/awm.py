"""Advantage Weighted Matching (arXiv 2509.25050): PPO with the flow-matching loss in the place of a log-likelihood.

Clean latents come from any solver. With x_t = (1-t) x0 + t eps and u = eps - x0:

(1) lp = -w(l, t),   l = mean_d (v - u)^2
(2) log rho = lp - lp_old, at the SAME t and eps
(3) L = mean max(-A rho, -A clip(rho, 1-e, 1+e)) + kl mean_d (v - v_ref)^2 + kl_ema mean_d (v - v_ema)^2

w(l, t) is one of  l | t l | t^2 l | huber: t (sqrt(l + 1e-10) - 1e-5) | ghuber: t ((l + 1e-10)^p - 1e-10^p) / p, p = 1/4.

Left open, and read here as follows. The paper's likelihood allows any w; "uniform", its plain matching loss, is the
default. A is the reward minus the prompt's mean over the epoch's std (or the group's: `global_std`), clamped before use.
With one update per rollout rho is 1 and (3) is advantage-weighted flow matching.
"""

from __future__ import annotations

import math

import torch


def advantages(rewards, groups, *, global_std=True):
    """rewards (N,), groups (N,) prompt labels: r minus the prompt's mean, over a POPULATION std + 1e-4."""
    A = torch.empty_like(rewards)
    for g in set(groups.tolist()):
        members = rewards[groups == g]
        spread = rewards if global_std else members
        A[groups == g] = (members - members.mean()) / (spread.std(correction=0) + 1e-4)
    return A


def log_prob(v, u, s, weighting="uniform", power=0.25):
    """(1), v and u (*L), s = t: a scalar."""
    ell = ((v - u) ** 2).mean()
    if weighting == "uniform":
        return -ell
    if weighting == "t":
        return -s * ell
    if weighting == "t2":
        return -(s**2) * ell
    if weighting == "huber":
        return -s * ((ell + 1e-10).sqrt() - 1e-5)
    if weighting == "ghuber":
        return -s * ((ell + 1e-10) ** power - math.pow(1e-10, power)) / power
    raise ValueError(f"weighting is 'uniform', 't', 't2', 'huber' or 'ghuber', not {weighting!r}.")


def loss(velocity, velocity_old, velocity_ref, velocity_ema, x0, advantages, t, eps, *, weighting="uniform", power=0.25,
         clip=1.0, adv_clip=1.0, kl=1e-4, kl_ema=1.0):  # fmt: skip
    """x0 (N, *L), advantages (N,), t (K, N), eps (K, N, *L): draw k of sample n. A scalar."""
    total = 0.0
    for k in range(len(t)):
        for n in range(len(x0)):
            s = float(t[k][n])
            x_t, u = (1 - s) * x0[n] + s * eps[k][n], eps[k][n] - x0[n]
            v = velocity(x_t[None], s)[0]
            with torch.no_grad():
                v_old, v_ref, v_ema = (f(x_t[None], s)[0] for f in (velocity_old, velocity_ref, velocity_ema))
                before = log_prob(v_old, u, s, weighting, power)
            rho = (log_prob(v, u, s, weighting, power) - before).exp()
            a = advantages[n].clamp(-adv_clip, adv_clip)
            total = total + torch.maximum(-a * rho, -a * rho.clamp(1 - clip, 1 + clip))
            total = total + kl * ((v - v_ref) ** 2).mean() + kl_ema * ((v - v_ema) ** 2).mean()
    return total / (len(t) * len(x0))
