"""BranchGRPO (arXiv 2509.06040): one tree per prompt in the place of G chains, advantages by depth.

Depth k holds the states at sigmas[k]. Every node of depth k has one child, or two when k is a split. With s, t, Delta:

(1) child = mean + c S xi,   mean = x + v dt - eta^2/2 score dt,   score = -(x - (1-s) x0hat)/s^2,   dt = -Delta,
    S = eta sqrt(Delta) (DanceGRPO's step);   c = 4 at a split and 1 elsewhere
(2) lp of an edge = mean_d log N(child; mean, S^2): WITHOUT c, so at a split it is not the density that drew the child
(3) reward of a node = mean of its leaves, or the average of its children weighted by softmax of their edges' lp
(4) A of an edge = z-score of its child's reward among all nodes of the child's depth: UNBIASED std; 0 where the std is
    below 1e-6 or the node is alone
(5) L = mean over edges of max(-A rho, -A clip(rho, 1-e, 1+e)),   rho = exp(lp - lp_old)

The network is called once per node of depth 0..T-1 in the rollout (`expanded`): 203 for T = 20 and splits 0, 3, 6, 9.

Left open, and read here as follows. The image of a leaf is DanceGRPO's, x0hat of the state before the last step, so the
noise of the last step is in no reward; its edges are trained all the same unless left out (`edges`: depth and width pruning
are lists of edges). (4) adds nothing to the std. The softmax of (3) takes lp as it is, without a temperature. `stochastic`
holds the noisy depths of the mixed variant (all, by default; every split is one); edges of Euler steps are not trained.
"""

from __future__ import annotations

import math

import torch
from torch.distributions import Normal


def policy(velocity, x, s, t, eta):
    """pi(. | x) of one edge without c, and x0hat, x (*L)."""
    dt = t - s
    v = velocity(x[None], s)[0]
    x0hat = x - s * v
    score = -(x - (1 - s) * x0hat) / s**2
    return Normal(x + v * dt - 0.5 * eta**2 * score * dt, eta * math.sqrt(-dt)), x0hat


def expanded(T, splits):
    """Network calls of the rollout of one tree."""
    nodes, calls = 1, 0
    for k in range(T):
        calls += nodes
        nodes *= 2 if k in splits else 1
    return calls


def rollout(velocity_old, root, eps, sigmas, *, splits=(0, 3, 6, 9), eta=0.3, split_scale=4.0, stochastic=None):
    """root (*L), eps[k] (nodes of depth k+1, *L) for noisy k. The children of node n at a split are 2n and 2n + 1.

    Returns states, parents (lists by depth; parents[0] is None), {(k, child): lp_old} of the noisy edges from depth k to
    k + 1, and the leaves' images (leaves, *L).
    """
    T = len(sigmas) - 1
    stochastic = range(T) if stochastic is None else stochastic
    states, parents, old_log_prob, image = [[root]], [None], {}, []
    with torch.no_grad():
        for k in range(T):
            s, t = sigmas[k], sigmas[k + 1]
            children, origin, image = [], [], []
            for n, x in enumerate(states[k]):
                pi, x0hat = policy(velocity_old, x, s, t, eta)
                for _ in range(2 if k in splits else 1):
                    if k in stochastic:
                        scale = split_scale if k in splits else 1.0
                        child = pi.mean + scale * pi.stddev * eps[k][len(children)]
                        old_log_prob[k, len(children)] = pi.log_prob(child).mean()
                    else:
                        child = (t / s) * x + (1 - t / s) * x0hat
                    children.append(child)
                    origin.append(n)
                    image.append(x0hat)
            states.append(children)
            parents.append(origin)
    return states, parents, old_log_prob, torch.stack(image)


def node_rewards(leaf_rewards, parents, old_log_prob, *, fusion="mean"):
    """(3): leaf_rewards (leaves,) -> a list by depth of (nodes,)."""
    levels = [leaf_rewards]
    for k in reversed(range(len(parents) - 1)):
        level = []
        for n in range(max(parents[k + 1]) + 1):
            children = [j for j, parent in enumerate(parents[k + 1]) if parent == n]
            below = torch.stack([levels[0][j] for j in children])
            if len(children) == 1 or fusion == "mean":  # siblings have equally many leaves: also the leaves' mean
                level.append(below.mean())
            elif fusion == "softmax":
                edge = torch.stack([old_log_prob[k, j] for j in children])
                level.append((torch.softmax(edge, dim=0) * below).sum())
            else:
                raise ValueError(f"fusion is 'mean' or 'softmax', not {fusion!r}.")
        levels.insert(0, torch.stack(level))
    return levels


def advantages(leaf_rewards, parents, old_log_prob, *, fusion="mean"):
    """(4): leaf_rewards (leaves,) -> a list by depth of (nodes,); entry k + 1 holds the edges from depth k."""
    found = []
    for r in node_rewards(leaf_rewards, parents, old_log_prob, fusion=fusion):
        flat = len(r) == 1 or r.std() < 1e-6
        found.append(torch.zeros_like(r) if flat else (r - r.mean()) / r.std())
    return found


def log_ratios(velocity, states, parents, old_log_prob, sigmas, edges, *, eta=0.3):
    """log rho of each edge (k, child): (len(edges),)."""
    found = []
    for k, j in edges:
        pi, _ = policy(velocity, states[k][parents[k + 1][j]], sigmas[k], sigmas[k + 1], eta)
        found.append(pi.log_prob(states[k + 1][j]).mean() - old_log_prob[k, j])
    return torch.stack(found)


def loss(velocity, states, parents, old_log_prob, A, sigmas, edges, *, eta=0.3, clip=1e-4, adv_clip=5.0):
    """(5) over `edges`; A is a list by depth. A scalar."""
    total = 0.0
    found = log_ratios(velocity, states, parents, old_log_prob, sigmas, edges, eta=eta)
    for (k, j), log_ratio in zip(edges, found, strict=True):
        rho, adv = log_ratio.exp(), A[k + 1][j].clamp(-adv_clip, adv_clip)
        total = total + torch.maximum(-adv * rho, -adv * rho.clamp(1 - clip, 1 + clip))
    return total / len(edges)


def run(velocity, velocity_old, velocity_ref, noise, eps, rewards, sigmas, *, splits=(0, 3, 6, 9), edges=None,
        stochastic=None, eta=0.3, split_scale=4.0, fusion="mean", weights=None, clip=1e-4, adv_clip=5.0):  # fmt: skip
    """noise (*L) is the root; rewards (R, leaves) are summed by weights, or a callable of the images; edges: the trained
    ones (default: all noisy ones); velocity_ref is unused."""
    states, parents, old, final = rollout(
        velocity_old, noise, eps, sigmas, splits=splits, eta=eta, split_scale=split_scale, stochastic=stochastic
    )
    rewards = torch.atleast_2d(rewards(final) if callable(rewards) else rewards)
    weights = [1.0] * len(rewards) if weights is None else weights
    leaf_rewards = sum(w * row for w, row in zip(weights, rewards, strict=True))
    A = advantages(leaf_rewards, parents, old, fusion=fusion)
    edges = sorted(old) if edges is None else edges
    return {
        "loss": loss(velocity, states, parents, old, A, sigmas, edges, eta=eta, clip=clip, adv_clip=adv_clip),
        "final": final,
        "states": [torch.stack(level) for level in states],  # by depth, (nodes, *L)
        "parents": parents,
        "advantages": A,  # by depth, (nodes,)
        "pairs": edges,  # (depth of the parent, child) of each entry below
        "log_ratio": log_ratios(velocity, states, parents, old, sigmas, edges, eta=eta),
        "calls": sum(len(level) for level in states[:-1]),
    }
