"""Components that are not trained, kept on the CPU except while they work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class Offloaded:
    """Text encoders and decoder: each comes to `device` when it is called, and the one before it leaves."""

    def __init__(self, modules: Iterable[nn.Module], device: torch.device) -> None:
        from accelerate import cpu_offload_with_hook

        self._hooks: list[Any] = []
        for module in modules:
            before = self._hooks[-1] if self._hooks else None
            self._hooks.append(cpu_offload_with_hook(module, device, before)[1])

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Afterwards, the device has none of them."""
        try:
            yield
        finally:
            for hook in self._hooks:
                hook.offload()
