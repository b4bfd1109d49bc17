"""Trained weights that every process holds in whole, as in data-parallel training.

Not torch's DistributedDataParallel: its hooks want one forward pass through its own wrapper before each backward pass, while
a pipeline asks its networks itself, several times a step or not at all, and a process may have fewer backward passes than
another once failed rewards have cost it groups. What it would do is done at the one place where it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from genrl.processes import Processes

#: Numbers in one message: large enough for the bandwidth of any link, small beside a model.
BUCKET = 2**25


class Replicas:
    """Averages gradients over processes, once for each optimizer step; all end with the same bits."""

    def __init__(self, parameters: Sequence[nn.Parameter], processes: Processes) -> None:
        self.parameters, self.processes = list(parameters), processes

    def average(self) -> None:
        """A parameter that no process asked keeps no gradient, so the optimizer passes it over as on one process."""
        if self.processes.count == 1:
            return
        asked = self.processes.anywhere([parameter.grad is not None for parameter in self.parameters])
        for parameter, anywhere in zip(self.parameters, asked, strict=True):
            if anywhere and parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for bucket in _buckets([parameter.grad for parameter in self.parameters if parameter.grad is not None]):
            flat = self.processes.mean(torch.cat([gradient.flatten() for gradient in bucket]))
            parts = flat.split([gradient.numel() for gradient in bucket])
            torch._foreach_copy_(bucket, [part.view_as(gradient) for part, gradient in zip(parts, bucket, strict=True)])

    def renew(self) -> None:
        """The optimizer changes the very tensors that the networks compute with."""


def _buckets(gradients: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """In order, of one dtype and of at most `BUCKET` numbers each, but for a gradient that is larger alone."""
    bucket: list[Tensor] = []
    for gradient in gradients:
        full = sum(other.numel() for other in bucket) + gradient.numel() > BUCKET
        if bucket and (full or bucket[0].dtype != gradient.dtype):
            yield bucket
            bucket = []
        bucket.append(gradient)
    if bucket:
        yield bucket
