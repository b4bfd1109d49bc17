"""Centered Reward Distillation (arXiv 2603.14128): the implicit reward of the policy is fitted to the external one.

Clean latents come from any ODE solver under a slow SAMPLING copy. With x_t = (1-t) x0 + t eps and u = eps - x0:

(1) q_i = -mean_d [(v - u)^2 / w - (v_old - u)^2 / w_old],   w = sg(max(mean_d |v - u|, 1e-5)), or 1
(2) R_i = clip(A_i / (2 A_max) + 1/2, 0, 1)
(3) L = (A_max / b) mean_i (b (q_i - qbar) - (R_i - Rbar))^2, or the cross-entropy of b (q_i - qbar) with
    sigmoid(R_i - Rbar);   qbar without gradient
(4) + kl mean_i c_i mean_d (v - v_ref)^2,   c_i = 1, or m + (1-m) R_i with m = 1e-4 / kl
(5) old, sampling <- d copy + (1-d) current

The prompt's unknown normaliser cancels in q_i - qbar because both means are taken INSIDE the prompt's group, as derived in
the paper (published ports centre over whatever shares a batch, which is the same with one prompt per batch).

Left open, and read here as follows. A has the epoch's std (or the group's: `global_std`). `temperature=None` centres on
plain means. A temperature gives two directions, means weighted by softmax(R / temperature) and by softmax(-R / temperature),
and L is the average of the two. Hard pools of positive and negative samples are left out. velocity_ref is the pretrained
model WITH guidance 4.5, the others have none.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F


def advantages(rewards, groups, *, global_std=True):
    """rewards (N,), groups (N,) prompt labels: r minus the prompt's mean, over a POPULATION std + 1e-4."""
    A = torch.empty_like(rewards)
    for g in set(groups.tolist()):
        members = rewards[groups == g]
        spread = rewards if global_std else members
        A[groups == g] = (members - members.mean()) / (spread.std(correction=0) + 1e-4)
    return A


def target(advantages, a_max=5.0):
    """(2): (N,) -> (N,) in [0, 1]."""
    return (advantages / (2 * a_max) + 0.5).clamp(0, 1)


def old_decay(step):
    """The d of (5) for old, as published for text rendering."""
    return min(0.25 + 0.005 * step, 0.999)


def sampling_decay(step):
    """The d of (5) for sampling: a plain copy until step 75."""
    return 0.0 if step < 75 else min(0.0075 * (step - 75), 0.999)


def implicit_reward(v, v_old, u, adaptive=True):
    """(1) of one sample, all (*L)."""
    w = (v - u).abs().mean().clamp(min=1e-5).detach() if adaptive else 1.0
    w_old = (v_old - u).abs().mean().clamp(min=1e-5) if adaptive else 1.0
    return -((v - u) ** 2 / w - (v_old - u) ** 2 / w_old).mean()


def fit(q, R, groups, *, b=1.0, a_max=5.0, objective="mse", temperature=None):
    """(3): q, R, groups (N,) of one draw of the noise, whole groups. A scalar."""
    total, directions = 0.0, (0.0,) if temperature is None else (1 / temperature, -1 / temperature)
    for g in set(groups.tolist()):
        q_g, R_g = q[groups == g], R[groups == g]
        for sharpness in directions:
            share = torch.softmax(sharpness * R_g, dim=0)
            centred_q, centred_R = q_g - (share * q_g).sum().detach(), R_g - (share * R_g).sum()
            if objective == "mse":
                error = (b * centred_q - centred_R) ** 2
            elif objective == "bce":
                error = F.binary_cross_entropy_with_logits(b * centred_q, centred_R.sigmoid(), reduction="none")
            else:
                raise ValueError(f"objective is 'mse' or 'bce', not {objective!r}.")
            total = total + error.sum() / len(directions)
    return a_max / b * total / len(q)


def loss(velocity, velocity_old, velocity_ref, x0, R, groups, t, eps, *, b=1.0, a_max=5.0, objective="mse",
         temperature=None, adaptive=True, kl=0.1, reward_adaptive_kl=True):  # fmt: skip
    """x0 (N, *L), R (N,) targets, groups (N,), t (K, N), eps (K, N, *L): draw k of sample n. A scalar."""
    N, K, total = len(x0), len(t), 0.0
    for k in range(K):
        q = []
        for n in range(N):
            s = float(t[k][n])
            x_t, u = (1 - s) * x0[n] + s * eps[k][n], eps[k][n] - x0[n]
            v = velocity(x_t[None], s)[0]
            with torch.no_grad():
                v_old, v_ref = velocity_old(x_t[None], s)[0], velocity_ref(x_t[None], s)[0]
            q.append(implicit_reward(v, v_old, u, adaptive))
            floor = 1e-4 / kl if kl else 0.0
            strength = floor + (1 - floor) * R[n] if reward_adaptive_kl else 1.0
            total = total + kl * strength * ((v - v_ref) ** 2).mean() / N
        total = total + fit(torch.stack(q), R, groups, b=b, a_max=a_max, objective=objective, temperature=temperature)
    return total / K
