"""What a computation costs, read off the computation itself: operations, memory at its peak, kernels."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

aten = torch.ops.aten


@dataclass(frozen=True)
class Cost:
    """One pass.

    flops: multiplications and additions of matrix products, convolutions and attention; the rest is bound by memory.
    precise: those of them that are made in float32, many times slower than the same in 16 bits.
    peak: bytes alive at once among what the pass itself makes, beside weights and inputs.
    kernels: operations that write memory, each at least one launch on a GPU.
    """

    flops: int = 0
    precise: int = 0
    peak: int = 0
    kernels: int = 0


def tally(run: Callable[[], Any]) -> Cost:
    """The cost of calling `run`, with tensors of any kind: those without numbers cost no time."""
    with _Tally() as counted:
        run()
    return Cost(counted.flops, counted.precise, counted.peak, counted.kernels)


@contextmanager
def gradients_dropped(parameters: list[torch.nn.Parameter]) -> Iterator[None]:
    """Inside, gradients vanish once they are complete: a pass is then measured without the room that they keep."""

    def drop(parameter: Tensor) -> None:
        parameter.grad = None

    hooks = [parameter.register_post_accumulate_grad_hook(drop) for parameter in parameters]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class _Tally(TorchDispatchMode):
    """Counts every operation on its way. Storages are what lives: a view costs nothing, and one outlives its tensor.

    torch's FlopCounterMode has the same formulas, but it follows modules and so keeps alive what checkpointing frees.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = self.precise = self.kernels = self.alive = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for tensor in _tensors((args, kwargs)):
            self._remember(tensor.untyped_storage(), 0)
        answer = func(*args, **(kwargs or {}))
        fresh = [self._remember(t.untyped_storage(), t.untyped_storage().nbytes()) for t in _tensors(answer)]
        self.kernels += any(fresh) or func._schema.is_mutable
        formula = _FORMULAS.get(func._overloadpacket)
        if formula is not None:
            flops = formula(*args, **(kwargs or {}), out_val=answer)
            self.flops += flops
            self.precise += flops if next(_tensors(answer)).dtype.itemsize > 2 else 0
        return answer

    def _remember(self, storage: torch.UntypedStorage, size: int) -> bool:
        key = storage._cdata
        if key in self._known:
            return False
        self._known.add(key)
        self.alive += size
        self.peak = max(self.peak, self.alive)
        weakref.finalize(storage, self._forget, key, size)
        return True

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.alive -= size


def _tensors(tree: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


def _attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query.shape, key.shape, value.shape)


def _attention_backward(gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    return sdpa_backward_flop_count(gradient.shape, query.shape, key.shape, value.shape)


#: torch has formulas for the attention kernels of GPUs; tensors without numbers live on the CPU, which has its own.
_FORMULAS = flop_registry | {
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}
