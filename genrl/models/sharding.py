"""Networks whose master weights, gradients and moments are shared out over processes: FSDP2, torch's `fully_shard`.

Between optimizer steps each process holds the weights in whole, in the dtype in which they compute, so neither a rollout nor
a backward pass waits for another process, and processes may ask their networks a different number of times. Each optimizer
step takes one reduction of the gradients and one exchange of the new weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MethodType

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from genrl.processes import Processes


class Shards:
    """The trained weights of networks that have their adapters; a `genrl.optimization.Weights`.

    compute: the dtype of the whole weights, None for their own. named, parameters: this process's parts (DTensors), float32
    or as the network had them.
    """

    def __init__(self, networks: Mapping[str, nn.Module], processes: Processes, compute: torch.dtype | None) -> None:
        self.processes, self._networks = processes, dict(networks)
        for network in networks.values():
            _shard(network, processes, compute)
        self.named = dict(_trained(networks))
        self.parameters = list(self.named.values())
        self._modules = [m for network in networks.values() for m in network.modules() if isinstance(m, FSDPModule)]
        #: Names of the parameters that have a gradient since the last step.
        self._asked: set[str] = set()
        self._gather()
        for name, parameter in _trained(networks):
            parameter.register_post_accumulate_grad_hook(partial(self._note, name))

    def average(self) -> None:
        """One reduction of what all backward passes have left in the whole parameters, into the parts.

        FSDP hands gradients over at the end of a backward pass through the network, so one is made that computes nothing. A
        parameter that was asked on another process alone gets zeros here, one that no process asked no gradient at all.
        """
        asked = self.processes.anywhere([name in self._asked for name in self.named])
        missing = {name for name, anywhere in zip(self.named, asked, strict=True) if anywhere} - self._asked
        for prefix, network in self._networks.items():
            absent = [p for name, p in _trained({prefix: network}) if name in missing]
            network.set_requires_gradient_sync(True)  # type: ignore[operator]
            with torch.enable_grad():
                network.hand_over(partial(list, absent)).backward()  # type: ignore[operator]
            network.set_requires_gradient_sync(False)  # type: ignore[operator]
        self._asked.clear()

    def renew(self) -> None:
        for module in self._modules:
            module.reshard()
        self._gather()

    @torch.no_grad()
    def exchange(self, stored: Sequence[Tensor]) -> None:
        """Swap the values of the parts with those of another set."""
        for parameter, other in zip(self.parameters, stored, strict=True):
            kept = parameter.detach().clone()
            parameter.copy_(other)
            other.copy_(kept)
        self.renew()

    def _gather(self) -> None:
        for module in self._modules:
            module.unshard()

    def _note(self, name: str, _: Tensor) -> None:
        self._asked.add(name)


def gathered(tensors: Mapping[str, Tensor], keep: bool) -> dict[str, Tensor]:
    """The tensors in whole, on the CPU where they come from parts; every process has to ask, and those that `keep` get them.

    One at a time: the device has no room for all.
    """
    whole: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        if keep:
            whole[name] = full.cpu() if isinstance(tensor, DTensor) else full
    return whole


def part_of(whole: Tensor, like: Tensor) -> Tensor:
    """This process's part of a tensor that every process has, if `like` is a part."""
    if not isinstance(like, DTensor):
        return whole
    return distribute_tensor(whole.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def _shard(network: nn.Module, processes: Processes, compute: torch.dtype | None) -> None:
    mesh = init_device_mesh(next(network.parameters()).device.type, (processes.count,))
    # Autocast is the caller's, and it leaves the time that a network is told in float32.
    precision = MixedPrecisionPolicy(param_dtype=compute, reduce_dtype=torch.float32, cast_forward_inputs=False)
    for child in network.children():
        for block in child if isinstance(child, nn.ModuleList) else ():
            fully_shard(block, mesh=mesh, mp_policy=precision, reshard_after_forward=False)
    fully_shard(network, mesh=mesh, mp_policy=precision, reshard_after_forward=False)
    network.set_requires_gradient_sync(False)  # type: ignore[operator]
    network.set_reshard_after_backward(False)  # type: ignore[operator]
    network.hand_over = MethodType(_hand_over, network)  # type: ignore[assignment]
    register_fsdp_forward_method(network, "hand_over")


def _hand_over(network: nn.Module, absent: Callable[[], Sequence[Tensor]]) -> Tensor:
    """A number with gradient 0 in the absent parameters, for a backward pass that only hands gradients over.

    No tensor goes in: FSDP hands over as soon as the gradient of an input is there, which is before these are.
    """
    start = torch.zeros((), device=next(network.parameters()).device, requires_grad=True)
    return start + sum((parameter * 0.0).sum() for parameter in absent())


def _trained(networks: Mapping[str, nn.Module]) -> list[tuple[str, nn.Parameter]]:
    return [(f"{name}.{path}", p) for name, net in networks.items() for path, p in net.named_parameters() if p.requires_grad]
