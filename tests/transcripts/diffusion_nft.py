"""DiffusionNFT (arXiv 2509.16117): rewards split each sample into a positive and a negative regression.

Clean latents come from any solver under the OLD policy (no guidance). With x_t = (1-t) x0 + t eps:

(1) r = clip(A / (2 A_max) + 1/2, 0, 1)                                 the optimality probability of a sample
(2) v+ = b v + (1-b) v_old,   v- = (1+b) v_old - b v                    the implicit policies
(3) l+- = mean_d (x0hat+- - x0)^2 / sg(max(mean_d |x0hat+- - x0|, 1e-5)),   x0hat+- = x_t - t v+-
(4) L = A_max mean(r l+/b + (1-r) l-/b) + kl mean_d (v - v_ref)^2
(5) old <- d old + (1-d) current, once per epoch

Left open, and read here as follows. The paper normalises the reward by a free constant Z before the clip to [0, 1]; its
code takes a z-score and A_max times its std, which is (1). The group's mean goes over a prompt, the std over the epoch
(`global_std`). The factor A_max in (4) is the code's, and so is the adaptive weight in (3), one per sample and without
gradient. The KL is the mean over d of the squared difference, without 1/2.
"""

from __future__ import annotations

import torch


def advantages(rewards, groups, *, global_std=True):
    """rewards (N,), groups (N,) prompt labels: r minus the prompt's mean, over a POPULATION std + 1e-4."""
    A = torch.empty_like(rewards)
    for g in set(groups.tolist()):
        members = rewards[groups == g]
        spread = rewards if global_std else members
        A[groups == g] = (members - members.mean()) / (spread.std(correction=0) + 1e-4)
    return A


def optimality(advantages, a_max=5.0):
    """(1): (N,) -> (N,) in [0, 1]."""
    return (advantages / (2 * a_max) + 0.5).clamp(0, 1)


def old_decay(epoch, kind=1):
    """The d of (5): the code's two schedules."""
    if kind == 1:
        return min(0.001 * epoch, 0.5)
    return 0.0 if epoch < 75 else min(0.0075 * (epoch - 75), 0.999)


def loss(velocity, velocity_old, velocity_ref, x0, r, t, eps, *, b=1.0, a_max=5.0, kl=1e-4):
    """x0 (N, *L), r (N,), t (K, N), eps (K, N, *L): draw k of sample n is x_t at t[k][n] with eps[k][n]. A scalar."""
    total = 0.0
    for k in range(len(t)):
        for n in range(len(x0)):
            s = float(t[k][n])
            x_t = (1 - s) * x0[n] + s * eps[k][n]
            v = velocity(x_t[None], s)[0]
            with torch.no_grad():
                v_old, v_ref = velocity_old(x_t[None], s)[0], velocity_ref(x_t[None], s)[0]
            sides = []
            for v_side in (b * v + (1 - b) * v_old, (1 + b) * v_old - b * v):
                error = x_t - s * v_side - x0[n]
                sides.append((error**2).mean() / error.abs().mean().clamp(min=1e-5).detach())
            positive, negative = sides
            total = total + a_max * (r[n] * positive / b + (1 - r[n]) * negative / b) + kl * ((v - v_ref) ** 2).mean()
    return total / (len(t) * len(x0))
