"""The later trajectory transcripts against closed forms and against their host, Flow-GRPO; `selfcheck.py` runs this."""

from __future__ import annotations

import math

import branch_grpo
import flow_cps
import flow_dppo
import flow_grpo
import flow_grpo_fast
import grpo_guard
import temp_flow_grpo
import torch
from linear import D, G, L, Linear, T, chain, gaussian, gradients, noise_level, problem, same, schedule

MOVED = 2, 0.02


def same_run(name, ours, theirs, policy, twin):
    same(f"{name} loss", ours["loss"], theirs["loss"])
    same(f"{name} states", ours["states"], theirs["states"])
    for one, other in zip(gradients(ours["loss"], policy), gradients(theirs["loss"], twin), strict=True):
        same(f"{name} gradient", one, other)


def same_force(name, loss, policy, force, inputs):
    for ours, hand in zip(gradients(loss, policy), chain(torch.stack(force), torch.stack(inputs)), strict=True):
        same(name, ours, hand)


def slope(s, t, std):
    """d mean / d v of an Euler-Maruyama step."""
    return (t - s) * (1 + std**2 / (s - t) * (1 - s) / (2 * s))


def check_fast():
    noise, eps, rewards, sigmas = problem(range(T))
    policy, twin, old, ref = Linear(*MOVED), Linear(*MOVED), Linear(0), Linear(3, drift=0.05)
    common = {"a": 0.7, "clip": 1e-4, "beta": 0.04, "members": [0, 3]}
    ours = flow_grpo_fast.run(policy, old, ref, noise, eps, rewards, sigmas, window=range(T), rule="flow", **common)
    theirs = flow_grpo.run(twin, old, ref, noise, eps, rewards, sigmas, steps=range(T), **common)
    same_run("fast, flow rule", ours, theirs, policy, twin)

    window = flow_grpo_fast.window(2, 3, T)
    for rule in ("flow", "cps"):
        out = flow_grpo_fast.run(Linear(0), old, ref, noise, eps, rewards, sigmas, window=window, rule=rule)
        same("fast on-policy log-ratio", out["log_ratio"], 0.0, tol=0.0)
        for k in set(range(T)) - set(window):
            s, t, x = sigmas[k], sigmas[k + 1], out["states"][k]
            same("fast ODE step", out["states"][k + 1], (t / s) * x + (1 - t / s) * (x - s * old(x, s)))
    assert flow_grpo_fast.starts(3, 0, 5) == [0, 1, 2] and flow_grpo_fast.window(0, 0, 4) == [0, 1, 2]


def check_cps():
    noise, eps, rewards, sigmas = problem(range(T - 1))
    policy, twin, old, ref = Linear(*MOVED), Linear(*MOVED), Linear(0), Linear(3, drift=0.05)
    ours = flow_cps.run(policy, old, ref, noise, eps, rewards, sigmas, beta=0.1)
    same_run("cps", flow_grpo_fast.run(twin, old, ref, noise, eps, rewards, sigmas, window=range(T - 1), beta=0.1),
             ours, twin, policy)  # fmt: skip
    for (i, k), log_ratio in zip(ours["pairs"], ours["log_ratio"], strict=True):
        s, t, x, y = sigmas[k], sigmas[k + 1], ours["states"][k, i], ours["states"][k + 1, i]
        std = t * math.sin(0.4 * math.pi)
        means = []
        for v in (old(x[None], s)[0], policy(x[None], s)[0]):
            means.append((1 - t) * (x - s * v) + t * math.cos(0.4 * math.pi) * (x + (1 - s) * v))
        before, now = (torch.distributions.Normal(m, std).log_prob(y).mean() for m in means)
        same("cps log-ratio", log_ratio, 2 * std**2 * (now - before))

    data = torch.ones(L)  # one data point: the noise keeps the level sigma at every step
    states, _ = flow_cps.rollout(lambda x, s: (x - data) / s, noise, eps, sigmas)
    level = noise
    for k in range(T - 1):
        level = math.cos(0.4 * math.pi) * level + math.sin(0.4 * math.pi) * eps[k]
        same("cps marginal", states[k + 1], (1 - sigmas[k + 1]) * data + sigmas[k + 1] * level)
    same("cps image", states[T], data.expand(G, *L))


def check_guard():
    noise, eps, rewards, sigmas = problem(range(T))
    old, ref, steps = Linear(0), Linear(3, drift=0.05), range(T - 1)
    for over_delta in (True, False):
        policy = Linear(0)
        out = grpo_guard.run(policy, old, ref, noise, eps, rewards, sigmas, steps=steps, over_delta=over_delta)
        same("guard on-policy log-ratio", out["log_ratio"], 0.0, tol=0.0)
        force = []
        for i, k in out["pairs"]:
            s, t = sigmas[k], sigmas[k + 1]
            pull = slope(s, t, noise_level("flow", s, t)) / ((s - t) if over_delta else 1.0)
            force.append(-out["advantages"][i] * pull * eps[k][i].flatten() / D / len(out["pairs"]))
        same_force("guard gradient", out["loss"], policy, force, [out["states"][k, i] for i, k in out["pairs"]])

    policy, total = Linear(*MOVED), 0.0
    out = grpo_guard.run(policy, old, ref, noise, eps, rewards, sigmas, steps=steps, beta=0.04)
    for (i, k), log_ratio in zip(out["pairs"], out["log_ratio"], strict=True):
        s, t, x = sigmas[k], sigmas[k + 1], out["states"][k, i][None]
        std = noise_level("flow", s, t)
        now, before, anchor = (gaussian(v, x, s, t, std)[0] for v in (policy, old, ref))
        same("guard log-ratio is mean(xi dmu)", log_ratio, (eps[k][i] * (now - before)).mean())
        a, rho = out["advantages"][i], log_ratio.exp()
        total = total - torch.minimum(a * rho, a * rho.clamp(1 - 1e-4, 1 + 1e-4)) / (s - t)
        total = total + 0.04 * ((now - anchor) ** 2).mean() * (s - t) / (2 * std**2)
    same("guard loss", out["loss"], total / len(out["pairs"]))


def check_temp_flow():
    noise, eps, rewards, sigmas = problem(range(T))
    policy, twin, old, ref = Linear(*MOVED), Linear(*MOVED), Linear(0), Linear(3, drift=0.05)
    every = [range(T)] * G
    ours = temp_flow_grpo.run(policy, old, ref, noise, eps, rewards, sigmas,
                              noisy=every, steps=range(T - 1), weighted=False, beta=0.04)  # fmt: skip
    theirs = flow_grpo.run(twin, old, ref, noise, eps, rewards, sigmas, steps=range(T - 1), beta=0.04)
    same_run("tempflow without weights", ours, theirs, policy, twin)
    w = temp_flow_grpo.step_weights(sigmas, range(T - 1))
    same("tempflow mean weight", sum(w.values()) / (T - 1), 1.0)
    same("tempflow weights", w[0] / w[3], 0.7 / noise_level("flow", sigmas[3], sigmas[4]))

    branches, groups = [0, 2, 2, 5, 3], [0, 0, 0, 1, 1]
    seeds = torch.stack([noise[g] for g in groups])
    policy = Linear(0)
    out = temp_flow_grpo.run(policy, old, ref, seeds, eps, rewards, sigmas, noisy=[[k] for k in branches], groups=groups)
    x, A = out["states"], out["advantages"]
    assert out["pairs"] == list(enumerate(branches))
    same("tempflow shared prefix", x[:3, 1], x[:3, 2], tol=0.0)
    assert (x[3, 1] - x[3, 2]).abs().max() > 1e-3
    same("tempflow advantages", torch.stack([A[:3].sum(), A[3:].sum()]), 0.0)
    w, force = temp_flow_grpo.step_weights(sigmas, branches), []
    for i, k in out["pairs"]:
        s, t = sigmas[k], sigmas[k + 1]
        std = noise_level("flow", s, t)
        same("tempflow branch", x[k + 1, i], gaussian(old, x[k, i][None], s, t, std)[0] + std * eps[k][i])
        force.append(-w[k] * A[i] * slope(s, t, std) * eps[k][i].flatten() / (std * D) / G)
    same_force("tempflow gradient", out["loss"], policy, force, [x[k, i] for i, k in out["pairs"]])


def check_branch():
    assert branch_grpo.expanded(20, (0, 3, 6, 9)) == 203 and 16 * branch_grpo.expanded(20, ()) == 320
    splits, sigmas = (0, 3), schedule(T)
    draw = torch.Generator().manual_seed(11)
    root, leaf_rewards = torch.randn(L, generator=draw), torch.randn(4, generator=draw)
    eps = {k: torch.randn(2 if k < 3 else 4, *L, generator=draw) for k in range(T)}
    policy, old = Linear(0), Linear(0)
    out = branch_grpo.run(policy, old, None, root, eps, leaf_rewards, sigmas, splits=splits)
    x, A, parents = out["states"], out["advantages"], out["parents"]
    assert [len(level) for level in x] == [1, 2, 2, 2, 4, 4, 4, 4, 4] and len(out["pairs"]) == 26
    assert parents[1] == [0, 0] and parents[4] == [0, 0, 1, 1] and parents[5] == [0, 1, 2, 3]
    assert out["calls"] == branch_grpo.expanded(T, splits) == 1 + 2 * 3 + 4 * 4
    same("branch on-policy log-ratio", out["log_ratio"], 0.0, tol=0.0)
    pairs_mean = leaf_rewards.reshape(2, 2).mean(1)
    same("branch inner advantages", A[2], (pairs_mean - pairs_mean.mean()) / pairs_mean.std())
    same("branch leaf advantages", A[T], (leaf_rewards - leaf_rewards.mean()) / leaf_rewards.std())
    same("branch root", A[0], 0.0, tol=0.0)
    same("branch image", out["final"], x[T - 1] - sigmas[T - 1] * old(x[T - 1], sigmas[T - 1]))
    force, inputs = [], []
    for k, j in out["pairs"]:
        s, t, start = sigmas[k], sigmas[k + 1], x[k][parents[k + 1][j]]
        std, scale = noise_level("dance", s, t), 4.0 if k in splits else 1.0
        same("branch edge", x[k + 1][j], gaussian(old, start[None], s, t, std)[0] + scale * std * eps[k][j])
        force.append(-A[k + 1][j] * slope(s, t, std) * scale * eps[k][j].flatten() / (std * D) / len(out["pairs"]))
        inputs.append(start)
    same_force("branch gradient", out["loss"], policy, force, inputs)

    policy, kept, total = Linear(*MOVED), [(0, 1), (3, 2), (6, 0)], 0.0
    out = branch_grpo.run(policy, old, None, root, eps, leaf_rewards, sigmas, splits=splits, edges=kept)
    for k, j in kept:
        s, t, start = sigmas[k], sigmas[k + 1], x[k][parents[k + 1][j]][None]
        std = noise_level("dance", s, t)
        now, before = (gaussian(v, start, s, t, std)[0] for v in (policy, old))
        rho = ((((x[k + 1][j] - before) ** 2).mean() - ((x[k + 1][j] - now) ** 2).mean()) / (2 * std**2)).exp()
        total = total - torch.minimum(A[k + 1][j] * rho, A[k + 1][j] * rho.clamp(1 - 1e-4, 1 + 1e-4)) / len(kept)
    same("branch pruned loss", out["loss"], total)

    mixed = branch_grpo.run(policy, old, None, root, eps, leaf_rewards, sigmas, splits=splits, stochastic=(0, 3, 4))
    assert sorted({k for k, _ in mixed["pairs"]}) == [0, 3, 4]
    edge = {(3, 0): torch.tensor(0.0), (3, 1): torch.tensor(math.log(3.0))}
    edge |= {(3, 2): torch.tensor(0.0), (3, 3): torch.tensor(0.0), (0, 0): torch.tensor(0.0), (0, 1): torch.tensor(0.0)}
    fused = branch_grpo.node_rewards(leaf_rewards, parents, edge, fusion="softmax")
    same("branch softmax fusion", fused[3][0], 0.25 * leaf_rewards[0] + 0.75 * leaf_rewards[1])


def check_dppo():
    """With no threshold in reach it is Flow-GRPO without a clip; at 0 its gradient is that of a clip to exactly 1."""
    noise, eps, rewards, sigmas = problem(range(T))
    old, steps = Linear(0), [0, 2, 3]
    for threshold, clip in ((math.inf, 0.999), (0.0, 0.0)):
        policy, twin = Linear(*MOVED), Linear(*MOVED)
        ours = flow_dppo.run(policy, old, None, noise, eps, rewards, sigmas, steps=steps, threshold=threshold)
        theirs = flow_grpo_fast.run(twin, old, None, noise, eps, rewards, sigmas, window=steps, rule="flow", a=0.7, clip=clip)
        same("dppo states", ours["states"], theirs["states"])
        same("dppo log-ratio", ours["log_ratio"], theirs["log_ratio"])
        assert any(ours["dropped"]) == (threshold == 0.0) and not all(ours["dropped"])
        for one, other in zip(gradients(ours["loss"], policy), gradients(theirs["loss"], twin), strict=True):
            same("dppo gradient", one, other)


CHECKS = (check_fast, check_cps, check_dppo, check_guard, check_temp_flow, check_branch)
