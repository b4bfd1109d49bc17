"""Diffusion-DPO (arXiv 2311.12908) made online: the pair is the best and the worst sample of a prompt's rollout.

With x_t = (1-t) x0 + t eps, u = eps - x0, l = mean_d (v - u)^2, and the SAME t and eps for both halves of a pair:

(1) winner = argmax, loser = argmin of the prompt's rewards
(2) L = -log sigmoid(-(beta/2) [(l_w - lref_w) - (l_l - lref_l)])

Left open, and read here as follows. beta = 100 belongs to the mean over d and to velocities. The rewards are compared as
they are: within a prompt their advantages have the same order. If all are equal, samples 0 and 1 are the pair.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F


def pairs(rewards, groups):
    """(1): rewards (N,), groups (N,) prompt labels -> [(winner, loser)] in the order of the sorted labels."""
    chosen = []
    for g in sorted(set(groups.tolist())):
        members = [n for n in range(len(rewards)) if groups[n] == g]
        best = worst = members[0]
        for n in members[1:]:  # the first of equals wins and loses
            best = n if rewards[n] > rewards[best] else best
            worst = n if rewards[n] < rewards[worst] else worst
        chosen.append((members[0], members[1]) if best == worst else (best, worst))
    return chosen


def matching(velocity, x0, s, eps):
    """l at one (t = s, eps), x0 and eps (*L)."""
    x_t = (1 - s) * x0 + s * eps
    return ((velocity(x_t[None], s)[0] - (eps - x0)) ** 2).mean()


def loss(velocity, velocity_ref, winners, losers, t, eps, *, beta=100.0):
    """winners and losers (P, *L) clean latents, t (K, P), eps (K, P, *L): draw k of pair p. A scalar."""
    total = 0.0
    for k in range(len(t)):
        for p in range(len(winners)):
            s, e = float(t[k][p]), eps[k][p]
            winner, loser = matching(velocity, winners[p], s, e), matching(velocity, losers[p], s, e)
            with torch.no_grad():
                winner_ref, loser_ref = matching(velocity_ref, winners[p], s, e), matching(velocity_ref, losers[p], s, e)
            total = total - F.logsigmoid(-beta / 2 * ((winner - winner_ref) - (loser - loser_ref)))
    return total / (len(t) * len(winners))
