"""Flow-GRPO-Fast (the few-step variant of Flow-GRPO, arXiv 2505.05470): noise and training in a short window only.

With s = sigmas[k], t = sigmas[k+1], Delta = s - t, and k in the window W = {start, ..., start + size - 1}:

(1) flow rule: y = x + v dt + eta^2/(2s) epshat dt + eta sqrt(Delta) xi,   dt = -Delta, eta = a sqrt(s/(1-s))
(2) cps rule:  y = (1-t) x0hat + sqrt(t^2 - std^2) epshat + std xi,   std = t sin(a pi/2)
(3) lp = mean_d log N(y; mean, std^2) (flow), or -mean_d (y - mean)^2 (cps, whose constants are dropped, 1/(2 std^2) too)
(4) L = mean_{i, k in W} max(-A rho, -A clip(rho, 1-e, 1+e)) + beta KL,   rho = exp(lp - lp_old)

Outside W: Euler steps without noise. The image is the final state.

Left open, and read here as follows. The rule is the published configuration's, cps with a = 0.8, clip 1e-5, no KL. Its
start is drawn evenly from the starts that fit into a range (`starts`), here a range of transitions [lo, hi). size = 0 means
every transition but the last. With beta the KL is Flow-GRPO's, over 2 eta^2 (flow), or mean_d (mean - mean_ref)^2 (cps).
"""

from __future__ import annotations

import math

import torch
from torch.distributions import Normal


def starts(size, lo, hi):
    """The starts of a window that lies in the transitions lo, ..., hi - 1; the published range is (0, T/2)."""
    return list(range(lo, hi - size + 1))


def window(start, size, T):
    return list(range(T - 1)) if size == 0 else list(range(start, start + size))


def policy(velocity, x, s, t, a, rule):
    """Mean (*L) and std of one noisy step from x (*L)."""
    v = velocity(x[None], s)[0]
    if rule == "flow":
        dt, eta = t - s, a * math.sqrt(s / (1 - (t if s == 1 else s)))
        return x + v * dt + eta**2 / (2 * s) * (x + (1 - s) * v) * dt, eta * math.sqrt(-dt)
    if rule == "cps":
        std = t * math.sin(a * math.pi / 2)
        return (1 - t) * (x - s * v) + math.sqrt(t**2 - std**2) * (x + (1 - s) * v), std
    raise ValueError(f"rule is 'flow' or 'cps', not {rule!r}.")


def log_prob(y, mean, std, rule):
    """(3), y and mean (*L): a scalar."""
    return Normal(mean, std).log_prob(y).mean() if rule == "flow" else -((y - mean) ** 2).mean()


def rollout(velocity_old, noise, eps, sigmas, window, *, a=0.8, rule="cps"):
    """noise (G, *L), eps[k] (G, *L) for k in the window: states (T + 1, G, *L) and lp_old as {(i, k): scalar}."""
    states, old_log_prob = [], {}
    with torch.no_grad():
        for i in range(len(noise)):
            x = [noise[i]]
            for k in range(len(sigmas) - 1):
                s, t = sigmas[k], sigmas[k + 1]
                if k in window:
                    mean, std = policy(velocity_old, x[k], s, t, a, rule)
                    x.append(mean + std * eps[k][i])
                    old_log_prob[i, k] = log_prob(x[k + 1], mean, std, rule)
                else:
                    x.append(x[k] + (t - s) * velocity_old(x[k][None], s)[0])
            states.append(torch.stack(x))
    return torch.stack(states, dim=1), old_log_prob


def advantages(rewards, weights=None, epoch_rewards=None):
    """rewards (R, G) -> (G,): Flow-GRPO's; `epoch_rewards` (R, N) of all prompts make the std a global one."""
    weights = [1.0] * len(rewards) if weights is None else weights
    r = sum(w * row for w, row in zip(weights, rewards, strict=True))
    spread = r if epoch_rewards is None else sum(w * row for w, row in zip(weights, epoch_rewards, strict=True))
    return (r - r.mean()) / (spread.std(correction=0) + 1e-4)


def log_ratios(velocity, states, old_log_prob, sigmas, pairs, *, a=0.8, rule="cps"):
    """log rho of each (member, step) in `pairs`: (len(pairs),)."""
    found = []
    for i, k in pairs:
        mean, std = policy(velocity, states[k, i], sigmas[k], sigmas[k + 1], a, rule)
        found.append(log_prob(states[k + 1, i], mean, std, rule) - old_log_prob[i, k])
    return torch.stack(found)


def loss(velocity, velocity_ref, states, old_log_prob, A, sigmas, pairs, *, a=0.8, rule="cps", clip=1e-5, adv_clip=5.0,
         beta=0.0):  # fmt: skip
    """(4) over `pairs`; states (T + 1, G, *L), A (G,) before clipping. A scalar."""
    total = 0.0
    for (i, k), log_ratio in zip(pairs, log_ratios(velocity, states, old_log_prob, sigmas, pairs, a=a, rule=rule), strict=True):
        rho, adv = log_ratio.exp(), A[i].clamp(-adv_clip, adv_clip)
        total = total + torch.maximum(-adv * rho, -adv * rho.clamp(1 - clip, 1 + clip))
        if beta:
            s, t = sigmas[k], sigmas[k + 1]
            mean, std = policy(velocity, states[k, i], s, t, a, rule)
            with torch.no_grad():
                mean_ref, _ = policy(velocity_ref, states[k, i], s, t, a, rule)
            total = total + beta * ((mean - mean_ref) ** 2).mean() / (2 * std**2 / (s - t) if rule == "flow" else 1.0)
    return total / len(pairs)


def run(velocity, velocity_old, velocity_ref, noise, eps, rewards, sigmas, *, window, members=None, a=0.8, rule="cps",
        weights=None, epoch_rewards=None, clip=1e-5, adv_clip=5.0, beta=0.0):  # fmt: skip
    """window: the noisy transitions, all trained; members: who is in this update (default: everybody)."""
    states, old = rollout(velocity_old, noise, eps, sigmas, window, a=a, rule=rule)
    final = states[-1]
    A = advantages(torch.atleast_2d(rewards(final) if callable(rewards) else rewards), weights, epoch_rewards)
    pairs = [(i, k) for i in (range(len(noise)) if members is None else members) for k in window]
    value = loss(velocity, velocity_ref, states, old, A, sigmas, pairs,
                 a=a, rule=rule, clip=clip, adv_clip=adv_clip, beta=beta)  # fmt: skip
    return {
        "loss": value,
        "final": final,
        "states": states,
        "advantages": A,
        "pairs": pairs,
        "log_ratio": log_ratios(velocity, states, old, sigmas, pairs, a=a, rule=rule),
    }
