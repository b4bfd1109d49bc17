"""Neighbor GRPO (arXiv 2511.16955), Algorithm 1 of its supplement as one update for given anchors and steps.

The printed indices are repaired: with `sigmas[0] = 1 > ... > sigmas[T] = 0`, transition k goes from s = sigmas[k] to
t = sigmas[k + 1]; the anchor starts at its OWN state at s and is compared with the candidates' states at t.
Everything that Algorithm 1 draws (noise, anchors, steps) is an argument.
"""

from __future__ import annotations

import math

import torch


def neighbourhood(eps_star, delta, sigma):
    """Line "Perturb noise": x_1^(i) = sqrt(1 - sigma^2) eps* + sigma delta^(i); eps_star (*L), delta (G, *L)."""
    return torch.stack([math.sqrt(1 - sigma**2) * eps_star + sigma * delta_i for delta_i in delta])


def euler(velocity, x, s, t):
    return x + (t - s) * velocity(x[None], s)[0]


def dpm2m(velocity, x, sigmas, k, history):
    """DPM-Solver++(2M, midpoint) in rectified-flow variables; `history` holds the x0hat of the steps before."""
    s, t = sigmas[k], sigmas[k + 1]
    x0hat = x - s * velocity(x[None], s)[0]
    d = x0hat
    if k > 0 and t > 0 and sigmas[k - 1] < 1:  # otherwise lambda is infinite: first order
        lam = [math.log((1 - u) / u) for u in (sigmas[k - 1], s, t)]
        r = (lam[1] - lam[0]) / (lam[2] - lam[1])
        d = x0hat + (x0hat - history[-1]) / (2 * r)
    history.append(x0hat)
    return (t / s) * x + (1 - t / s) * d


def roll_out(velocity_old, noise, sigmas, rollout):
    """for i = 1..G: for k: RolloutSolver.step with theta_old, "Stop gradient". Returns x[k][i]."""
    G, x, histories = len(noise), [list(noise)], [[] for _ in noise]
    with torch.no_grad():
        for k in range(len(sigmas) - 1):
            if rollout == "euler":
                x.append([euler(velocity_old, x[k][i], sigmas[k], sigmas[k + 1]) for i in range(G)])
            elif rollout == "dpm++2m":
                x.append([dpm2m(velocity_old, x[k][i], sigmas, k, histories[i]) for i in range(G)])
            else:
                raise ValueError(f"rollout is 'euler' or 'dpm++2m', not {rollout!r}.")
    return x


def quasi_norm_advantages(rewards, p, rescale=1.0):
    """A'_i = A_i / (sum_k |A_k|^p)^(1/p); several rewards: the mean of their z-scores takes the place of r - mean."""
    merged = 0.0
    for r in rewards:
        centred = r - r.mean()
        if centred.abs().max() <= 1e-6 * r.abs().max():
            centred = torch.zeros_like(r)
        # A' ignores a positive factor, so for a single reward this division changes nothing.
        merged = merged + centred / (r.std() + 1e-8) / len(rewards)
    size = merged.abs().pow(p).sum() ** (1 / p)
    return merged if size == 0 else rescale * merged / size


def temperature(tau, candidates, j):
    if tau == "paper":
        return 1.0
    if tau == "mean":
        return float(candidates[j].numel())
    if tau == "adaptive":  # mean squared distance to the other candidates / ln(G - 1): about pi_old(anchor) = 1/2
        others = [((y - candidates[j]) ** 2).sum().item() for i, y in enumerate(candidates) if i != j]
        return sum(others) / len(others) / math.log(len(others))
    return float(tau)


def leaping_policy(candidates, point, tau):
    """Supplement eq. (19): softmax_i(-|x^(i) - point|^2 / tau), literally; all entries must stay above underflow."""
    distances = [((y.double() - point.double()) ** 2).sum() for y in candidates]
    pi = torch.softmax(-torch.stack(distances) / tau, dim=0)
    assert (pi > 0).all(), "The softmax underflows: give the transcript fewer dimensions or a larger tau."
    return pi


def run(velocity, velocity_old, velocity_ref, noise, eps, rewards, sigmas, *, anchors, steps, rollout="euler",
        tau="paper", old_reference="stored", p=0.8, rescale=1.0, clip=0.2, adv_clip=5.0, clamp=None):  # fmt: skip
    """noise (G, *L) is `neighbourhood(...)`; velocity_ref and eps are unused: no KL, and no noise on the way."""
    G, T = len(noise), len(sigmas) - 1

    x = roll_out(velocity_old, noise, sigmas, rollout)
    final = torch.stack(x[T])

    # "Compute advantages {A_i}"
    A = quasi_norm_advantages(torch.atleast_2d(rewards(final) if callable(rewards) else rewards), p, rescale)

    # for j in S: for k in K
    J, pairs, log_ratios, pis_old = 0.0, [], [], []
    for j in anchors:
        for k in steps:
            s, t = sigmas[k], sigmas[k + 1]
            z = euler(velocity, x[k][j], s, t)  # TrainSolver.step, the only path of the gradient
            if old_reference == "stored":  # as printed
                z_old = x[k + 1][j]
            elif old_reference == "train-solver":
                with torch.no_grad():
                    z_old = euler(velocity_old, x[k][j], s, t)
            elif old_reference == "detach":
                z_old = z.detach()
            else:
                raise ValueError(f"old_reference is 'stored', 'train-solver' or 'detach', not {old_reference!r}.")
            tau_jk = temperature(tau, x[k + 1], j)
            pi, pi_old = leaping_policy(x[k + 1], z, tau_jk), leaping_policy(x[k + 1], z_old, tau_jk)
            log_ratio = torch.log(pi / pi_old)  # log rho^(i|j), i = 1..G (the anchor itself included)
            if clamp is not None:
                log_ratio = log_ratio.clamp(-clamp, clamp)
            for i in range(G):
                a, rho = A[i].clamp(-adv_clip, adv_clip), log_ratio[i].exp()
                J = J + torch.minimum(a * rho, a * rho.clamp(1 - clip, 1 + clip))
            pairs.append((j, k))
            log_ratios.append(log_ratio)
            pis_old.append(pi_old.detach())

    return {
        "loss": -J / len(pairs),  # one optimizer step over B anchors and K steps
        "final": final,
        "states": torch.stack([torch.stack(row) for row in x]),  # (T + 1, G, *L)
        "advantages": A,
        "pairs": pairs,  # (member, step) of each row below
        "log_ratio": torch.stack(log_ratios),  # (B * K, G), after the clamp
        "pi_old": torch.stack(pis_old),
    }
