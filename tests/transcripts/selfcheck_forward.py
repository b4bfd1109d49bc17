"""The forward-process transcripts, DPO and DRaFT against closed forms; `selfcheck.py` runs this."""

from __future__ import annotations

import math

import awm
import crd
import dgpo
import diffusion_dpo
import diffusion_nft
import draft
import online_dpo
import torch
import torch.nn.functional as F
from linear import D, L, Linear, T, chain, gradients, same, schedule

N, K = 6, 2
GROUPS = torch.tensor([0, 0, 0, 1, 1, 1])


def draws():
    """x0 (N, *L), rewards (N,), t (K, N), eps (K, N, *L)."""
    generator = torch.Generator().manual_seed(7)
    x0, rewards = torch.randn(N, *L, generator=generator), torch.randn(N, generator=generator)
    return x0, rewards, 0.1 + 0.8 * torch.rand(K, N, generator=generator), torch.randn(K, N, *L, generator=generator)


def at(model, x_t, t):
    """v (K * N, D) of all draws at once, with the time in the place of the field's scalar sigma."""
    return (x_t.flatten(1) @ model.W.T + model.b) - t.reshape(-1, 1)


def noised():
    """x_t and u as (K * N, D) rows, and t as (K * N, 1)."""
    x0, _, t, eps = draws()
    s = t.reshape(K, N, 1, 1)
    return ((1 - s) * x0 + s * eps).reshape(K * N, D), (eps - x0).reshape(K * N, D), t.reshape(K * N, 1)


def rows(values):
    return values.repeat(K)  # one per (k, n)


def same_gradient(name, loss, model, force):
    x_t, _, _ = noised()
    for ours, hand in zip(gradients(loss, model), chain(force, x_t), strict=True):
        same(name, ours, hand)


def fields():
    return Linear(2, drift=0.05), Linear(0), Linear(3, drift=0.1)


def check_advantages():
    _, rewards, _, _ = draws()
    parts = rewards.reshape(2, 3)
    for module in (diffusion_nft, awm, dgpo, crd):
        for global_std in (True, False):
            spread = rewards.std(correction=0) if global_std else parts.std(dim=1, correction=0, keepdim=True)
            by_hand = (parts - parts.mean(1, keepdim=True)) / (spread + 1e-4)
            same("advantages", module.advantages(rewards, GROUPS, global_std=global_std), by_hand.reshape(-1))
    A, r = torch.tensor([-9.0, -5.0, 0.0, 2.5, 9.0]), torch.tensor([0.0, 0.0, 0.5, 0.75, 1.0])
    same("nft optimality", diffusion_nft.optimality(A), r)
    same("crd target", crd.target(A), r)
    decays = [diffusion_nft.old_decay(e) for e in (0, 100, 900)] + [diffusion_nft.old_decay(e, kind=2) for e in (74, 95, 900)]
    same("nft decays", torch.tensor(decays), torch.tensor([0.0, 0.1, 0.5, 0.0, 0.15, 0.999]))


def check_nft():
    x0, rewards, t, eps = draws()
    x_t, u, s = noised()
    r = diffusion_nft.optimality(2 * diffusion_nft.advantages(rewards, GROUPS))
    for b in (1.0, 0.1):
        policy, old = Linear(0), Linear(0)
        v = at(old, x_t, s)
        w = (s * (u - v)).abs().mean(1, keepdim=True)
        force = 5.0 * (2 * rows(r)[:, None] - 1) * 2 * s**2 * (v - u) / (D * w) / (K * N)
        for half in (False, True):
            given = torch.full_like(r, 0.5) if half else r
            loss = diffusion_nft.loss(policy, old, Linear(0), x0, given, t, eps, b=b)
            same_gradient("nft on-policy gradient", loss, policy, 0 * force if half else force)

        policy, old, ref = fields()
        v, v_old, v_ref = (at(f, x_t, s) for f in (policy, old, ref))
        sides = [b * v + (1 - b) * v_old - u, (1 + b) * v_old - b * v - u]
        plus, minus = (s[:, 0] * (e**2).mean(1) / e.abs().mean(1) for e in sides)  # x0hat - x0 = -t (v - u)
        expected = 5.0 * (rows(r) * plus + (1 - rows(r)) * minus) / b + 0.3 * ((v - v_ref) ** 2).mean(1)
        same("nft loss", diffusion_nft.loss(policy, old, ref, x0, r, t, eps, b=b, kl=0.3), expected.mean())


def check_awm():
    x0, rewards, t, eps = draws()
    x_t, u, s = noised()
    A = awm.advantages(rewards, GROUPS).clamp(-1, 1)
    for weighting in ("uniform", "t", "t2", "huber", "ghuber"):
        policy, old = Linear(0), Linear(0)
        v = at(old, x_t, s)
        ell = ((v - u) ** 2).mean(1, keepdim=True)
        slope = {"uniform": s**0, "t": s, "t2": s**2, "huber": s / 2 / ell.sqrt(), "ghuber": s * ell**-0.75}[weighting]
        loss = awm.loss(policy, old, old, old, x0, A, t, eps, weighting=weighting)
        same("awm on-policy loss", loss, -A.mean())
        force = rows(A)[:, None] * slope * 2 * (v - u) / D / (K * N)
        for ours, hand in zip(gradients(loss, policy), chain(force, x_t), strict=True):
            same("awm on-policy gradient", ours, hand, tol=1e-8)  # the hand's slopes leave out the 1e-10

    policy, old, ref = fields()
    v, v_old, v_ref = (at(f, x_t, s) for f in (policy, old, ref))
    rho = (((v_old - u) ** 2).mean(1) - ((v - u) ** 2).mean(1)).exp()
    assert (rho > 1.01).any() and (rho < 0.99).any()
    term = -torch.minimum(rows(A) * rho, rows(A) * rho.clamp(0.99, 1.01))
    expected = term + 0.2 * ((v - v_ref) ** 2).mean(1) + 0.5 * ((v - v_old) ** 2).mean(1)
    same("awm loss", awm.loss(policy, old, ref, old, x0, A, t, eps, clip=0.01, kl=0.2, kl_ema=0.5), expected.mean())


def check_dgpo():
    x0, rewards, t, eps = draws()
    x_t, u, s = noised()
    A = dgpo.advantages(rewards, GROUPS)
    zero = torch.zeros(N)
    same("dgpo weight at the reference", dgpo.group_weights(zero, zero, A, GROUPS, 10.0), 0.5, tol=0.0)

    policy, _, ref = fields()
    loss = dgpo.loss(policy, ref, x0, A, GROUPS, t, eps, kl=0.0)
    order = torch.tensor([4, 2, 0, 5, 3, 1])
    shuffled = dgpo.loss(policy, ref, x0[order], A[order], GROUPS[order], t[:, order], eps[:, order], kl=0.0)
    same("dgpo permutation", loss, shuffled)
    v, v_ref = at(policy, x_t, s), at(ref, x_t, s)
    gap = (((v - u) ** 2).mean(1) - ((v_ref - u) ** 2).mean(1)).reshape(K, 2, 3)
    preference = -F.logsigmoid(-10.0 / 3 * (A.reshape(2, 3) * gap).sum(-1)).mean() / 10.0
    for ours, hand in zip(gradients(loss, policy), gradients(preference, policy), strict=True):
        same("dgpo gradient", ours, hand)
    kl = dgpo.loss(policy, ref, x0, A, GROUPS, t, eps, kl=1.0) - loss
    same("dgpo kl", kl, ((v - v_ref) ** 2).mean())

    fast = Linear(4, drift=0.3)  # far away: every ratio is outside its range on one side or the other
    q = (((at(fast, x_t, s) - u) ** 2).mean(1) - ((v - u) ** 2).mean(1)).exp()
    dropped = ((rows(A) > 0) & (q > 1.05)) | ((rows(A) < 0) & (q < 0.95))
    assert dropped.any() and not dropped.all()
    clipped = dgpo.loss(policy, ref, x0, A, GROUPS, t, eps, kl=0.0, velocity_fast=fast)
    same("dgpo clipped value", clipped, loss)
    w = torch.sigmoid(10.0 / 3 * (A.reshape(2, 3) * gap).sum(-1, keepdim=True)).expand(K, 2, 3).reshape(-1)
    force = (~dropped * w * rows(A))[:, None] * 2 * (v - u) / D / (K * N)
    same_gradient("dgpo clipped gradient", clipped, policy, force)


def check_dpo():
    x0, rewards, t, eps = draws()
    assert online_dpo.pairs(torch.tensor([1.0, 3.0, 2.0, 5.0, 5.0, 5.0]), GROUPS) == [(1, 0), (3, 4)]
    t, eps, half = t[:, :3], eps[:, :3], ([0, 1, 2], [3, 4, 5])
    winners, losers = x0[half[0]], x0[half[1]]
    for module, beta in ((online_dpo, 100.0), (diffusion_dpo, 5000.0)):
        policy, ref = Linear(0), Linear(0)
        forth = module.loss(policy, ref, winners, losers, t, eps)
        back = module.loss(policy, ref, losers, winners, t, eps)
        same("dpo at the reference", forth, math.log(2))
        for one, other in zip(gradients(forth, policy), gradients(back, policy), strict=True):
            same("dpo swapped pair", one, -other)
            assert one.abs().max() > 1e-3

        policy, _, ref = fields()
        expected = 0.0
        for k in range(K):
            gaps = []
            for x in (winners, losers):
                s = t[k].reshape(3, 1, 1)
                x_t, u = ((1 - s) * x + s * eps[k]).flatten(1), (eps[k] - x).flatten(1)
                error, error_ref = at(policy, x_t, t[k]) - u, at(ref, x_t, t[k]) - u
                gaps.append((error**2 - error_ref**2).mean(1))
            expected = expected + F.softplus(beta / 2 * (gaps[0] - gaps[1])).mean() / K
        same("dpo loss", module.loss(policy, ref, winners, losers, t, eps), expected, tol=1e-9)
    summed = diffusion_dpo.loss(policy, ref, winners, losers, t, eps, reduction="sum", beta=5000.0 / D)
    same("dpo sum", summed, expected, tol=1e-9)


def check_crd():
    x0, rewards, t, eps = draws()
    x_t, u, s = noised()
    R = crd.target(crd.advantages(rewards, GROUPS))
    centred = torch.cat([part - part.mean() for part in R.split(3)])
    policy, old = Linear(0), Linear(0)
    loss = crd.loss(policy, old, old, x0, R, GROUPS, t, eps, b=0.7)
    same("crd at the old policy", loss, 5.0 / 0.7 * (centred**2).mean())
    v = at(old, x_t, s)
    w = (v - u).abs().mean(1, keepdim=True)
    same_gradient("crd gradient", loss, policy, 5.0 * 4 * rows(centred)[:, None] * (v - u) / (D * w) / (K * N))

    constant = torch.tensor([0.3, -2.0])[GROUPS]
    q = torch.randn(N, generator=torch.Generator().manual_seed(9))
    for options in ({}, {"objective": "bce"}, {"temperature": 0.3}, {"temperature": 0.3, "objective": "bce"}):
        base = crd.fit(q, R, GROUPS, **options)
        same("crd constant in q", crd.fit(q + constant, R, GROUPS, **options), base)
        same("crd constant in R", crd.fit(q, R + constant, GROUPS, **options), base)
    pull, by_hand = q.reshape(2, 3).clone().requires_grad_(), 0.0
    for share in (torch.softmax(sign * R.reshape(2, 3) / 0.3, dim=1) for sign in (1, -1)):
        middle = (share * R.reshape(2, 3)).sum(1, keepdim=True) - (share * pull.detach()).sum(1, keepdim=True)
        by_hand = by_hand + 5.0 * 0.5 * ((pull - R.reshape(2, 3) + middle) ** 2).mean()
    fitted = crd.fit(pull.reshape(-1), R, GROUPS, temperature=0.3)
    same("crd softmax", fitted, by_hand)
    same("crd softmax gradient", torch.autograd.grad(fitted, pull)[0], torch.autograd.grad(by_hand, pull)[0])
    same("crd hot softmax", crd.fit(q, R, GROUPS, temperature=1e12), crd.fit(q, R, GROUPS))
    centred_q = torch.cat([part - part.mean() for part in q.split(3)])
    p, logit = centred.sigmoid(), 0.7 * centred_q
    entropy = -(p * F.logsigmoid(logit) + (1 - p) * F.logsigmoid(-logit))
    same("crd bce", crd.fit(q, R, GROUPS, objective="bce", b=0.7), 5.0 / 0.7 * entropy.mean())

    policy, old, ref = fields()
    v, v_old, v_ref = (at(f, x_t, s) for f in (policy, old, ref))
    for adaptive in (True, False):
        sizes = [(e**2).mean(1) / (e.abs().mean(1) if adaptive else 1.0) for e in (v - u, v_old - u)]
        implicit = (sizes[1] - sizes[0]).reshape(K, 2, 3)
        expected = 5.0 * ((implicit - implicit.mean(-1, keepdim=True) - centred.reshape(2, 3)) ** 2).mean()
        expected = expected + 0.1 * ((1e-3 + 0.999 * rows(R)) * ((v - v_ref) ** 2).mean(1)).mean()
        same("crd loss", crd.loss(policy, old, ref, x0, R, GROUPS, t, eps, adaptive=adaptive), expected)


def check_draft():
    x0, _, _, eps = draws()
    sigmas, c = schedule(T), torch.arange(1.0, D + 1)
    policy = Linear(0)

    def reward(x):
        return x.flatten(1) @ c

    for last in (1, 3, T):
        weight, bias = gradients(draft.loss(policy, x0, sigmas, reward, last=last), policy)
        x, path = x0.flatten(1), []
        for k in range(T):
            path.append(x)
            x = x + (sigmas[k + 1] - sigmas[k]) * at(policy, x, torch.tensor(sigmas[k]))
        back, hand_weight, hand_bias = c, torch.zeros(D, D), torch.zeros(D)
        for k in reversed(range(T - last, T)):  # d x_T / d v_k, from the end
            dt = sigmas[k + 1] - sigmas[k]
            hand_bias = hand_bias - dt * back
            hand_weight = hand_weight - dt * torch.outer(back, path[k].mean(0))
            back = back + dt * (policy.W.T @ back)
        same("draft bias", bias, hand_bias)
        same("draft weight", weight, hand_weight)
    s, image = sigmas[-2], x.reshape(x0.shape)
    loss = draft.loss_low_variance(policy, x0, sigmas, reward, eps)
    again = (1 - s) * image + s * eps.mean(0)
    same("draft-lv weight", gradients(loss, policy)[0], s * torch.outer(c, again.flatten(1).mean(0)))


CHECKS = (check_advantages, check_nft, check_awm, check_dgpo, check_dpo, check_crd, check_draft)
