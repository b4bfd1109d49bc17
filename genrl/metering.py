"""Metrics of one iteration, accumulated on the device and read once at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from genrl.policy import COUNTED
from genrl.processes import ALONE, Processes
from genrl.types import Metrics


class Meter:
    """Weighted means; names that end in `_max` keep their maximum."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._weights: dict[str, float] = {}

    def add(self, metrics: Metrics, weight: float) -> None:
        for name, value in metrics.items():
            value = value.detach().double()
            if name not in self._sums:
                self._sums[name] = value if name.endswith("_max") else value * weight
                self._weights[name] = weight
            elif name.endswith("_max"):
                self._sums[name] = torch.maximum(self._sums[name], value)
            else:
                self._sums[name] = self._sums[name] + value * weight
                self._weights[name] += weight

    def peek(self, name: str) -> float | None:
        """The value of one metric so far, None if it was never added; waits for the device."""
        if name not in self._sums:
            return None
        return float(self._sums[name]) / (1.0 if name.endswith("_max") else self._weights[name])

    def read(self, processes: Processes = ALONE) -> dict[str, float]:
        """The values over all processes as floats; the only wait for the device in an iteration beside the gradient norm."""
        names = list(self._sums)
        values = torch.stack([self._sums[name] for name in names]).cpu().tolist() if names else []
        told = processes.tell({name: (value, self._weights[name]) for name, value in zip(names, values, strict=True)})
        parts = {
            name: [part[name] for part in told if name in part] for name in dict.fromkeys(n for part in told for n in part)
        }
        return {name: _largest(part) if name.endswith("_max") else _mean(part) for name, part in parts.items()}


def _largest(parts: Sequence[tuple[float, float]]) -> float:
    # Not `max`, which loses a NaN that does not come first.
    return float(torch.tensor([value for value, _ in parts], dtype=torch.float64).max())


def _mean(parts: Sequence[tuple[float, float]]) -> float:
    return sum(total for total, _ in parts) / sum(weight for _, weight in parts)


def total_counts(counts: Mapping[str, int], processes: Processes) -> dict[str, float]:
    """What a policy counts, added up over processes."""
    told = processes.tell([counts.get(name, 0) for name in COUNTED])
    return {name: float(sum(numbers)) for name, numbers in zip(COUNTED, zip(*told, strict=True), strict=True)}


def reward_metrics(rewards: Tensor, advantages: Tensor, weights: Tensor, names: Sequence[str]) -> dict[str, float]:
    """Of rewards (R, N, G) and their advantages (N, G, 1) or (N, G, T): TRL's mean, spread inside a group and share of
    groups without spread, and for each reward mean, standard deviation and contribution.

    NaN, where a reward does not apply, enters no number; a reward that applies nowhere has none.
    """
    terms = (weights[:, None, None] * rewards)[weights != 0.0]
    total = terms.nansum(dim=0).masked_fill(terms.isnan().all(dim=0), torch.nan)
    spread = nanstd(total)
    measured = {
        "reward": float(total.nanmean()),
        "reward_std": float(spread.mean()),
        "frac_reward_zero_std": float((spread < 1e-8).double().mean()),
    }
    shares = contributions(rewards, advantages, weights)
    for name, row, share in zip(names, rewards, shares.tolist(), strict=True):
        if not row.isnan().all():
            measured[f"rewards/{name}/mean"] = float(row.nanmean())
            measured[f"rewards/{name}/std"] = float(nanstd(row.flatten()))
            measured[f"rewards/{name}/contribution"] = share
    return measured


def contributions(rewards: Tensor, advantages: Tensor, weights: Tensor) -> Tensor:
    """The part (R,) of each reward (R, N, G) in the variance of the advantages (N, G, 1) or (N, G, T).

    Inside a group, advantages are a combination A = sum_r c_r d_r of the weighted deviations d_r of the rewards from their
    means, whatever the estimator divides by; least squares finds the c_r. The part of r is sum(A c_r d_r) / sum(A^2) over
    all groups. Parts add up to 1 where every reward applies to every picture; one is negative if the others outvote it.
    """
    deviations = weights[:, None, None] * (rewards - rewards.nanmean(dim=-1, keepdim=True))
    d_NGR, a_NG1 = deviations.nan_to_num(nan=0.0).permute(1, 2, 0), advantages.to(deviations).mean(dim=-1, keepdim=True)
    c_NR1 = torch.linalg.lstsq(d_NGR, a_NG1, driver="gelsd").solution
    parts_R = (a_NG1 * d_NGR * c_NR1.mT).sum(dim=(0, 1))
    return parts_R / a_NG1.square().sum().clamp_min(torch.finfo(a_NG1.dtype).tiny)


def nanstd(values: Tensor) -> Tensor:
    """Standard deviation over the last axis without its NaN, unbiased as `torch.std`; 0 for fewer than two numbers."""
    count = (~values.isnan()).sum(dim=-1)
    deviation = values - values.nanmean(dim=-1, keepdim=True)
    return (deviation.square().nansum(dim=-1) / (count - 1).clamp_min(1)).sqrt()
