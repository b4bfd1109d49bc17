"""A stand-in for a GPU: tensors that live on a device of their own, though their numbers are in the CPU's memory.

Code that runs on it has to move tensors as on a GPU: mixing both kinds raises what CUDA raises, and each operation for which
CUDA would make the host wait is counted, by the line in genrl that asked for it. Nothing is said about time.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map, tree_map_only

aten = torch.ops.aten
#: No device of the machine is called so; modules and factories accept it everywhere.
FAR = torch.device("meta")
#: Their answer, or its shape, has to come to the host.
WAITING = {aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal, aten.is_nonzero}
INDEXING = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_}


class FarTensor(Tensor):
    """Claims to be on `FAR`; `near` holds the numbers."""

    near: Tensor

    @staticmethod
    def __new__(cls, near: Tensor) -> FarTensor:
        far = Tensor._make_wrapper_subclass(
            cls, near.size(), strides=near.stride(), storage_offset=near.storage_offset(), dtype=near.dtype, device=FAR
        )
        far.near = near
        return far

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {}, Counter())


class FarDevice(TorchDispatchMode):
    """Inside, `FAR` works as a device; `waits` counts "file:line" of genrl, or the operation where there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {}, self.waits)


def run(func: Any, args: Any, kwargs: dict[str, Any], waits: Counter[str]) -> Any:
    packet, operands = func.overloadpacket, [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    far = [operand for operand in operands if isinstance(operand, FarTensor)]
    if any(type(operand) is not FarTensor and operand.device.type == "meta" for operand in operands):
        raise RuntimeError("torch.tensor(..., device=...) makes the host wait; fill on the device, or send without blocking.")
    target = kwargs.get("device")
    to_far = bool(far) if target is None else torch.device(target) == FAR
    if packet is aten._to_copy and to_far != bool(far) and not kwargs.get("non_blocking"):
        waits[_place(func)] += 1
    elif packet is aten.copy_ and len(far) == 1:
        if not (kwargs.get("non_blocking") or args[2:3] == (True,)):
            waits[_place(func)] += 1
        to_far = isinstance(args[0], FarTensor)
    elif packet in INDEXING and far:
        indices = [index for index in args[1] if index is not None]
        waits[_place(func)] += any(
            index.dtype in (torch.bool, torch.uint8) or type(index) is not FarTensor for index in indices
        )
    elif packet in WAITING and far:
        waits[_place(func)] += 1
        to_far = packet in (aten.nonzero, aten.masked_select)
    elif far and any(
        type(operand) is not FarTensor and (operand.ndim or packet in (aten.cat, aten.stack)) for operand in operands
    ):
        raise RuntimeError(f"Expected all tensors to be on the same device, but {func} got some of each.")
    near_args, near_kwargs = tree_map_only(FarTensor, lambda tensor: tensor.near, (args, kwargs))
    if target is not None:
        near_kwargs["device"] = torch.device("cpu")
    answer = func(*near_args, **near_kwargs)
    if func._schema.is_mutable and isinstance(args[0] if args else None, Tensor) and isinstance(answer, Tensor):
        return args[0]
    return tree_map(lambda leaf: FarTensor(leaf) if isinstance(leaf, Tensor) and to_far else leaf, answer)


def _place(func: Any) -> str:
    frame = sys._getframe(2)
    while frame is not None and "/genrl/" not in frame.f_code.co_filename:
        frame = frame.f_back  # type: ignore[assignment]
    return str(func) if frame is None else f"{frame.f_code.co_filename.rpartition('/genrl/')[2]}:{frame.f_lineno}"
