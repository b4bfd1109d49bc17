"""DGPO (arXiv 2510.08425): a preference between the better and the worse part of a whole group.

Clean latents come from any ODE solver. With x_t = (1-t) x0 + t eps, u = eps - x0, l = mean_d (v - u)^2:

(1) w_g = sigmoid((beta/G) sum_{i in g} A_i (l_i - lref_i)), without gradient
(2) L = mean_i w_g A_i l_i + kl mean_d (v - v_ref)^2
(3) q_i = exp(lfast_i - l_i): the gradient of l_i in (2) is dropped where A_i > 0, q_i > 1+e or A_i < 0, q_i < 1-e

(2) has the gradient of -(1/beta) log sigmoid(-(beta/G) sum_i A_i (l_i - lref_i)), averaged over groups of one size. eps is
one per group and the same at every t, t is shared by everybody: give `loss` such draws, it does not check.

Left open, and read here as follows. beta = 10 goes with l as a MEAN over d. A is the reward minus the prompt's mean over
the epoch's std (or the group's: `global_std`), clamped to +-5 before (1). (3) is optional (`velocity_fast`, a fast average
of the parameters); it leaves the KL's gradient alone, and the value of (2) as it is.
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


def fast_decay(step):
    """Of the fast average, which moves once per optimizer step: fast <- d fast + (1-d) current."""
    return min(0.3, 0.001 * step)


def group_weights(ell, ell_ref, A, groups, beta):
    """(1): every tensor (N,); each sample gets its group's weight."""
    w = torch.empty_like(ell)
    for g in set(groups.tolist()):
        member = groups == g
        w[member] = torch.sigmoid(beta / member.sum() * (A[member] * (ell[member] - ell_ref[member])).sum())
    return w.detach()


def loss(velocity, velocity_ref, x0, advantages, groups, t, eps, *, velocity_fast=None, beta=10.0, kl=1e-3, clip=0.05,
         adv_clip=5.0):  # fmt: skip
    """x0 (N, *L), advantages (N,), groups (N,), t (K, N), eps (K, N, *L); whole groups, a weight for each k. A scalar."""
    N, total, A = len(x0), 0.0, advantages.clamp(-adv_clip, adv_clip)
    for k in range(len(t)):
        ell, ell_ref, kept = [], [], []
        for n in range(N):
            s = float(t[k][n])
            x_t, u = (1 - s) * x0[n] + s * eps[k][n], eps[k][n] - x0[n]
            v = velocity(x_t[None], s)[0]
            with torch.no_grad():
                v_ref = velocity_ref(x_t[None], s)[0]
            ell.append(((v - u) ** 2).mean())
            ell_ref.append(((v_ref - u) ** 2).mean())
            kept.append(ell[n])
            if velocity_fast is not None:
                with torch.no_grad():
                    q = (((velocity_fast(x_t[None], s)[0] - u) ** 2).mean() - ell[n]).exp()
                if (A[n] > 0 and q > 1 + clip) or (A[n] < 0 and q < 1 - clip):
                    kept[n] = ell[n].detach()
            total = total + kl * ((v - v_ref) ** 2).mean()
        w = group_weights(torch.stack(ell).detach(), torch.stack(ell_ref), A, groups, beta)
        for n in range(N):
            total = total + w[n] * A[n] * kept[n]
    return total / (len(t) * N)
