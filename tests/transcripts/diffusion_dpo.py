"""Diffusion-DPO (arXiv 2311.12908), offline: given pairs of a preferred and a rejected latent of the same prompt.

Eq. (14) of the paper is -log sigmoid(-beta T omega(lambda_t) [...]) with squared errors of the noise. For a flow's velocity,
x_t = (1-t) x0 + t eps, u = eps - x0, l = |v - u|^2, and with the SAME t and eps for winner and loser:

(1) L = -log sigmoid(-(beta/2) [(l_w - lref_w) - (l_l - lref_l)])

Left open, and read here as follows. T omega is a constant that beta takes in, as in the paper's code, where the half is
written out and l is the MEAN over d; "sum" is the printed norm, D times larger. The paper draws the two noises apart, its
code together. An error of epshat is (1-t) times an error of v, so a beta for noises (2000 to 5000) is not one for velocities.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F


def matching(velocity, x0, s, eps, reduction):
    """l at one (t = s, eps), x0 and eps (*L)."""
    x_t = (1 - s) * x0 + s * eps
    square = (velocity(x_t[None], s)[0] - (eps - x0)) ** 2
    return square.mean() if reduction == "mean" else square.sum()


def loss(velocity, velocity_ref, winners, losers, t, eps, *, beta=5000.0, reduction="mean"):
    """winners and losers (P, *L) clean latents, t (K, P), eps (K, P, *L): draw k of pair p. A scalar."""
    total = 0.0
    for k in range(len(t)):
        for p in range(len(winners)):
            s, e = float(t[k][p]), eps[k][p]
            with torch.no_grad():
                before_w = matching(velocity_ref, winners[p], s, e, reduction)
                before_l = matching(velocity_ref, losers[p], s, e, reduction)
            now_w = matching(velocity, winners[p], s, e, reduction)
            now_l = matching(velocity, losers[p], s, e, reduction)
            total = total - F.logsigmoid(-beta / 2 * ((now_w - before_w) - (now_l - before_l)))
    return total / (len(t) * len(winners))
