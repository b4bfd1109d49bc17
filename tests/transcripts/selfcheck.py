"""Holds every transcript against closed forms on a linear velocity: `python tests/transcripts/selfcheck.py`."""

from __future__ import annotations

import math

import dance_grpo
import flow_grpo
import mix_grpo
import mix_grpo_flash
import neighbor_grpo
import selfcheck_forward
import selfcheck_trajectory
import torch
from linear import SHIFT, D, G, L, Linear, T, chain, gaussian, gradients, noise_level, problem, same, schedule


def check_on_policy(name, run, noisy, arguments):
    """The walk, a log-ratio of exactly 0, and the gradient -A grad log pi."""
    noise, eps, rewards, sigmas = problem(noisy)
    policy, old = Linear(0), Linear(0)
    out = run(policy, old, policy, noise, eps, rewards, sigmas, **arguments)
    x, A = out["states"], out["advantages"]
    for k in noisy:
        std = noise_level(name, sigmas[k], sigmas[k + 1])
        same(f"{name} walk", x[k + 1], gaussian(old, x[k], sigmas[k], sigmas[k + 1], std) + std * eps[k])
    same(f"{name} on-policy log-ratio", out["log_ratio"], 0.0, tol=0.0)
    force = []
    for i, k in out["pairs"]:  # grad_v log pi = dt (1 + eta^2 (1-s)/(2s)) xi / (std D), with eta^2 = std^2 / Delta
        s, t = sigmas[k], sigmas[k + 1]
        std = noise_level(name, s, t)
        slope = (t - s) * (1 + std**2 / (s - t) * (1 - s) / (2 * s))
        force.append(-A[i] * slope * eps[k][i].flatten() / (std * D) / len(out["pairs"]))
    inputs = torch.stack([x[k, i] for i, k in out["pairs"]])
    for ours, hand in zip(gradients(out["loss"], policy), chain(torch.stack(force), inputs), strict=True):
        same(f"{name} on-policy gradient", ours, hand)
    return out, old


def check_off_policy(name, run, noisy, arguments, clip=1e-4, beta=0.0):
    """Every log-ratio, and the loss put together from them."""
    noise, eps, rewards, sigmas = problem(noisy)
    policy, old, ref = Linear(2, drift=0.02), Linear(0), Linear(3, drift=0.05)
    arguments = {**arguments, "clip": clip, **({"beta": beta} if beta else {})}
    out = run(policy, old, ref, noise, eps, rewards, sigmas, **arguments)
    x, A, total = out["states"], out["advantages"], 0.0
    for n, (i, k) in enumerate(out["pairs"]):
        s, t = sigmas[k], sigmas[k + 1]
        std = noise_level(name, s, t)
        with torch.no_grad():
            mean, before, anchor = (gaussian(v, x[k, i][None], s, t, std)[0] for v in (policy, old, ref))
        log_ratio = (((x[k + 1, i] - before) ** 2).mean() - ((x[k + 1, i] - mean) ** 2).mean()) / (2 * std**2)
        same(f"{name} log-ratio", out["log_ratio"][n], log_ratio)
        a, rho = A[i].item(), math.exp(log_ratio)
        total -= min(a * rho, a * min(max(rho, 1 - clip), 1 + clip))
        if beta:
            to_reference = ((mean - anchor) ** 2).mean() / (2 * std**2 / (s - t))
            total += beta * (to_reference if name == "flow" else 0.5 * log_ratio**2).item()
    same(f"{name} off-policy loss", out["loss"], total / len(out["pairs"]))
    assert all(g.isfinite().all() for g in gradients(out["loss"], policy)), name


def check_gaussians():
    arguments = {"steps": [[0, 3, 6], [5], [], [2, 1], [4, 0]]}
    out, old = check_on_policy("dance", dance_grpo.run, range(T), arguments)
    check_off_policy("dance", dance_grpo.run, range(T), arguments)
    s, x = schedule(T)[T - 1], out["states"][T - 1]
    same("dance image", out["final"], x - s * old(x, s))

    arguments = {"steps": range(T - 1), "members": [4, 2]}
    out, _ = check_on_policy("flow", flow_grpo.run, range(T), {**arguments, "beta": 0.0})
    check_off_policy("flow", flow_grpo.run, range(T), arguments, beta=0.04)
    same("flow image", out["final"], out["states"][T], tol=0.0)
    same("flow first std", flow_grpo.policy(old, x[0], 1.0, schedule(T)[1], 0.7).stddev, 0.7)

    for window in ([0, 1], [2, 3, 4], [6]):
        arguments = {"window": window, "members": [0, 1, 4]}
        for transcript in (mix_grpo, mix_grpo_flash):
            out, old = check_on_policy("mix", transcript.run, window, arguments)
            check_off_policy("mix", transcript.run, window, arguments, beta=0.5)
            for k in set(range(max(window) if transcript is mix_grpo_flash else T)) - set(window):
                s, t, x = schedule(T)[k], schedule(T)[k + 1], out["states"][k]
                same("mix ODE step", out["states"][k + 1], (t / s) * x + (1 - t / s) * (x - s * old(x, s)))


def check_flash_tail():
    full = schedule(25)
    calls = [start + 3 + len(mix_grpo_flash.compressed_tail(full, start + 3, 0.4, SHIFT)) for start in range(15)]
    assert (min(calls), max(calls)) == (11, 20) and round(sum(calls) / 15, 1) == 15.6, calls
    assert 3 + len(mix_grpo_flash.compressed_tail(full, 3, 0.2, SHIFT)) == 7

    noise, eps, rewards, sigmas = problem([2, 3])
    old, whole = Linear(0), {"window": [2, 3], "ratio": 1.0}
    for feed in (True, False):
        out = mix_grpo_flash.run(old, old, old, noise, eps, rewards, sigmas, **whole, feed_history=feed)
        same("flash path", out["path"][:5], sigmas[:5], tol=0.0)
        assert out["path"][-1] == 0 and len(out["states"]) == len(out["path"])
        s, t, x = out["path"][4], out["path"][5], out["states"][4]
        first_order = (t / s) * x + (1 - t / s) * (x - s * old(x, s))
        gap = (out["states"][5] - first_order).abs().max()
        assert (gap > 1e-4) == feed, "The first tail step is of second order only with the history fed."


def check_solvers():
    """Gaussian data N(m, c I): the exact map is x0 = m + sqrt(c) x1."""
    m, c = 0.5, 0.25

    def exact(x, s):
        a = 1 - s
        return s / (a**2 * c + s**2) * (x - a * m) - m - a * c / (a**2 * c + s**2) * (x - a * m)

    x1 = torch.linspace(-3, 3, 13).reshape(13, 1)
    for steps, factor in ((16, 0.5), (64, 0.25)):
        error = {}
        for rollout in ("euler", "dpm++2m"):
            x = torch.stack(neighbor_grpo.roll_out(exact, x1, schedule(steps), rollout)[-1])
            error[rollout] = (x - m - math.sqrt(c) * x1).abs().max().item()
        assert error["dpm++2m"] < factor * error["euler"], error


def check_neighbor():
    draw, sigmas = torch.Generator().manual_seed(5), schedule(T)
    noise = neighbor_grpo.neighbourhood(torch.randn(L, generator=draw), torch.randn(G, *L, generator=draw), 0.3)
    rewards = torch.randn(1, G, generator=draw)
    anchors, steps = [3, 0], [1, 3, 4]

    def run(policy, **arguments):
        old = Linear(0)
        arguments = {"anchors": anchors, "steps": steps, **arguments}
        return neighbor_grpo.run(policy, old, None, noise, None, rewards, sigmas, **arguments), old

    for tau in ("paper", "mean", "adaptive", 0.7):
        for rollout, reference in (("euler", "stored"), ("dpm++2m", "train-solver"), ("dpm++2m", "detach")):
            policy = Linear(0)
            out, _ = run(policy, tau=tau, rollout=rollout, old_reference=reference)
            x, A = out["states"], out["advantages"]
            same("neighbor on-policy log-ratio", out["log_ratio"], 0.0, tol=1e-14)
            same("neighbor advantages", A.abs().pow(0.8).sum(), 1.0)
            force = []  # grad_z J = (2 / tau) sum_i A_i (y_i - ybar), and sum A = 0
            for j, k in out["pairs"]:
                y, value = x[k + 1].flatten(1), neighbor_grpo.temperature(tau, x[k + 1], j)
                force.append(-(sigmas[k + 1] - sigmas[k]) * 2 / value * (A @ y) / len(out["pairs"]))
            inputs = torch.stack([x[k, j] for j, k in out["pairs"]])
            for ours, hand in zip(gradients(out["loss"], policy), chain(torch.stack(force), inputs), strict=True):
                same("neighbor on-policy gradient", ours, hand)

    for reference in ("stored", "train-solver"):
        policy = Linear(2, drift=0.02)
        out, old = run(policy, tau="mean", rollout="dpm++2m", old_reference=reference, clip=1e-3)
        x, A, total = out["states"], out["advantages"], 0.0
        for n, (j, k) in enumerate(out["pairs"]):
            s, t, y, start = sigmas[k], sigmas[k + 1], x[k + 1].flatten(1), x[k, j][None]
            z = (start + (t - s) * policy(start, s)).flatten()
            z_old = y[j] if reference == "stored" else (start + (t - s) * old(start, s)).flatten()
            a = 2 / D * (y - y[j]) @ (z - z_old)  # |z|^2 cancels in the softmax
            log_ratio = a - torch.logsumexp(out["pi_old"][n].log() + a, dim=0)
            same("neighbor log-ratio", out["log_ratio"][n], log_ratio)
            same("neighbor sum pi_old rho", (out["pi_old"][n] * log_ratio.exp()).sum(), 1.0)
            rho = log_ratio.exp()
            total -= torch.minimum(A * rho, A * rho.clamp(1 - 1e-3, 1 + 1e-3)).sum().item() / len(out["pairs"])
        same(f"neighbor {reference} loss", out["loss"], total)
    out, _ = run(Linear(0), rollout="dpm++2m", old_reference="stored")
    assert out["log_ratio"].abs().max() > 1e-4, "The rollout solver's second order should show in a stored reference."
    z = rewards - rewards.mean()
    same("neighbor p = 2", neighbor_grpo.quasi_norm_advantages(rewards, 2), z / z.std(correction=0) / math.sqrt(G))
    flat = neighbor_grpo.quasi_norm_advantages(torch.full((1, G), 0.3), 0.8)
    same("neighbor advantages of equal rewards", flat, 0.0, tol=0.0)


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    first = (check_gaussians, check_flash_tail, check_solvers, check_neighbor)
    for check in (*first, *selfcheck_forward.CHECKS, *selfcheck_trajectory.CHECKS):
        check()
        print(f"ok  {check.__name__}")
