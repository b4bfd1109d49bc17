"""One network, several weight sets, and an exact count of what it is asked.

The current weights live in the network. Every other set is a list of tensors that is swapped in by pointer, so asking the
reference costs no copy; with LoRA the reference is the network with its adapters off.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint, set_checkpoint_early_stop

from genrl.models.lora import disabled, required_adapter_layers
from genrl.models.sharding import Shards, gathered, part_of
from genrl.protocols import FlowModel, SnapshotRule, Velocity
from genrl.types import Condition, Metrics, Prompt

#: What `WeightedPolicy.counts` counts, in rows (one row is one sample through the network) unless the name says calls.
COUNTED = (
    "forwards",
    "snapshot_forwards",
    "reference_forwards",
    "backwards",
    "idle_backwards",
    "decodes",
    "encodes",
    "optimizer_steps",
    "calls",
)


class WeightedPolicy:
    """The trained model as an algorithm sees it.

    counts: rows through the network without gradient (`forwards` of the weights that sample or learn, `snapshot_forwards` and
    `reference_forwards` of others that learning looks at) and with gradient (`backwards`), latents decoded, texts encoded,
    and network `calls`; the trainer adds `optimizer_steps`, and as `idle_backwards` the rows that it did not ask because their
    groups teach nothing.
    """

    def __init__(
        self, model: FlowModel, weight_sets: frozenset[str] = frozenset(), *, lora: bool = False, shards: Shards | None = None
    ) -> None:
        self.model, self.lora, self.shards = model, lora, shards
        self.counts: Counter[str] = Counter()
        #: What `reward` asks; the trainer sets it for algorithms that learn from the gradient of the reward.
        self.rate: Callable[[Tensor, Sequence[Prompt]], tuple[Tensor, Metrics]] | None = None
        self._active, self._acting = "current", True
        self._sets: dict[str, list[Tensor]] = {}
        for name in sorted(weight_sets - {"current"}):
            if not (lora and name == "reference"):
                self._sets[name] = [parameter.detach().clone() for parameter in self.parameters()]

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """The trained parameters, `network.parameter` by name, in a fixed order; of sharded ones this process's parts."""
        if self.shards:
            yield from self.shards.named.items()
            return
        for network, module in self.model.networks.items():
            for name, parameter in module.named_parameters():
                if parameter.requires_grad:
                    yield f"{network}.{name}", parameter

    def parameters(self) -> list[nn.Parameter]:
        return [parameter for _, parameter in self.named_parameters()]

    @property
    def device(self) -> torch.device:
        return self.model.device

    def latent_shape(self) -> tuple[int, ...]:
        return self.model.latent_shape()

    def encode(self, texts: list[str]) -> Condition:
        condition, encoded = self.model.encode(texts)
        self.counts["encodes"] += encoded
        return condition

    def velocity(self, x: Tensor, sigma: float | Tensor, condition: Condition, *, recompute: bool = False) -> Tensor:
        """Velocity eps - x0 (B, *L) at `x` (B, *L), under the active weight set. sigma: a number, or (B,) on the CPU.

        recompute: keep `x` alone for the backward pass, which asks the network again (Chen et al., arXiv:1604.06174). That is
        part of the one row that is counted.
        """
        self._count(len(x))
        if not recompute:
            return self.model.velocity(x, sigma, condition)
        ask = partial(self.model.velocity, sigma=sigma, condition=condition)
        # To its end, because stopping early is an exception inside the pipeline, which does not expect one.
        with set_checkpoint_early_stop(False):
            return checkpoint(ask, x, use_reentrant=False, preserve_rng_state=False)

    @contextmanager
    def solve(self, condition: Condition, sigmas: tuple[float, ...]) -> Iterator[Velocity]:
        """A velocity for one walk down `sigmas`: the same numbers and the same counts, with what all steps share done once."""
        with self.model.solve(condition, sigmas) as velocity:

            def counted(x: Tensor, sigma: float) -> Tensor:
                self._count(len(x))
                return velocity(x, sigma)

            yield counted

    def _count(self, rows: int) -> None:
        if self._acting:
            kind = "backwards" if torch.is_grad_enabled() else "forwards"
        else:
            kind = "reference_forwards" if self._active == "reference" else "snapshot_forwards"
        self.counts[kind] += rows
        self.counts["calls"] += 1

    def decode(self, latents: Tensor) -> Tensor:
        """Images (B, 3, H, W) or frames (B, F, 3, H, W) in [0, 1]."""
        self.counts["decodes"] += len(latents)
        return self.model.decode(latents)

    def media_shape(self) -> tuple[int, ...]:
        return self.model.media_shape()

    def encode_media(self, media: Tensor) -> Tensor:
        """Pictures or frames (B, *media_shape) in [0, 1] -> latents (B, *L), by the model's own autoencoder."""
        return self.model.encode_media(media)

    def reward(self, latents: Tensor, prompts: Sequence[Prompt]) -> tuple[Tensor, Metrics]:
        """The weighted sum (B,) of the rewards of latents (B, *L), differentiable in them, and what was measured of each."""
        assert self.rate is not None, "the trainer says how, for algorithms with `reward_gradient`"
        return self.rate(latents, prompts)

    @contextmanager
    def acting(self, weights: str) -> Iterator[None]:
        """Sample with a weight set inside the block: `using` it, but its rows count as `forwards`."""
        with self.using(weights):
            before, self._acting = self._acting, True
            try:
                yield
            finally:
                self._acting = before

    @contextmanager
    def using(self, weights: str) -> Iterator[None]:
        """Answer with another weight set inside the block. Enter it without gradients unless `weights` is "current"."""
        if weights == self._active:
            yield
            return
        before = self._active, self._acting
        self._active, self._acting = weights, weights == "current"
        try:
            if weights == "reference" and self.lora:
                with disabled(self._adapters):
                    yield
            else:
                self._swap(weights)
                try:
                    yield
                finally:
                    self._swap(weights)
        finally:
            self._active, self._acting = before

    # Found once: a walk through all modules for each question to another set takes longer than the change itself.
    @cached_property
    def _swapped(self) -> list[nn.Parameter]:
        return self.parameters()

    @cached_property
    def _adapters(self) -> list[Any]:
        return [layer for network in self.model.networks.values() for layer in required_adapter_layers(network)]

    @property
    def active(self) -> str:
        """The weight set that answers."""
        return self._active

    def _swap(self, weights: str) -> None:
        stored = self._sets[weights]
        if self.shards:
            self.shards.exchange(stored)
        else:
            for i, parameter in enumerate(self._swapped):
                parameter.data, stored[i] = stored[i], parameter.data
        # Autocast keeps its copy of a weight by the parameter, whose data are others from here on.
        torch.clear_autocast_cache()

    def follow(self, rules: Sequence[SnapshotRule], every: str, updates: int) -> None:
        """Move the weight sets whose rules move at this moment: after an "update" or an "iteration", `updates` into the run."""
        for rule in rules:
            if rule.every == every:
                self.blend(rule.label, rule.decay(updates))

    @torch.no_grad()
    def blend(self, weights: str, decay: float) -> None:
        """Move a weight set towards the current weights: set = decay * set + (1 - decay) * current."""
        torch._foreach_lerp_(self._sets[weights], [p.detach() for p in self.parameters()], 1.0 - decay)

    def weight_set(self, weights: str) -> Mapping[str, Tensor]:
        """The tensors of a weight set by parameter name; "current" gives the live parameters."""
        names = [name for name, _ in self.named_parameters()]
        values = [p.detach() for p in self.parameters()] if weights == "current" else self._sets[weights]
        return dict(zip(names, values, strict=True))

    @torch.no_grad()
    def load_weight_set(self, weights: str, tensors: Mapping[str, Tensor]) -> None:
        for name, target in self.weight_set(weights).items():
            target.copy_(part_of(tensors[name], target))
        if self.shards:
            self.shards.renew()

    def digest(self) -> str:
        """The sha256 of the trained parameters as they stand, with their names; of all parameters where none is frozen."""
        total = hashlib.sha256()
        for name, parameter in self.named_parameters():
            (whole,) = gathered({name: parameter.detach()}, keep=True).values()
            total.update(f"{name} {parameter.dtype} {tuple(parameter.shape)}".encode())
            total.update(whole.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        return total.hexdigest()

    @property
    def stored_sets(self) -> list[str]:
        """Weight sets that a checkpoint has to hold beside "current"."""
        return sorted(self._sets)
