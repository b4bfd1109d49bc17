"""The network calls of an iteration, and the same calls again without anything around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from genrl.policy import WeightedPolicy


@dataclass(frozen=True)
class Call:
    """One call of a network: its arguments without their history, whether it was made with gradient, and whose weights."""

    network: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    differentiable: bool
    weights: str

    def __call__(self) -> Any:
        return self.network(*self.args, **self.kwargs)


@contextmanager
def recorded(policy: WeightedPolicy) -> Iterator[list[Call]]:
    """Inside, every call of the policy's networks is added to the list; nothing is copied."""
    calls: list[Call] = []

    def record(network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        args, kwargs = tree_map_only(Tensor, Tensor.detach, (args, kwargs))
        calls.append(Call(network, args, kwargs, torch.is_grad_enabled(), policy.active))

    hooks = [network.register_forward_pre_hook(record, with_kwargs=True) for network in policy.model.networks.values()]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def replay(policy: WeightedPolicy, calls: list[Call], autocast: Callable[[], AbstractContextManager[Any]]) -> None:
    """The calls and nothing else: forward without gradient where they had none, forward and backward where they had one.

    Weight sets are changed once each and not once a call, because changing them is the loop's work.
    """
    for weights in dict.fromkeys(call.weights for call in calls):
        with policy.using(weights):
            own = [call for call in calls if call.weights == weights]
            with torch.no_grad(), autocast():
                for call in own:
                    if not call.differentiable:
                        call()
            for call in own:
                if call.differentiable:
                    _forward_and_backward(call, autocast)


def _forward_and_backward(call: Call, autocast: Callable[[], AbstractContextManager[Any]]) -> None:
    with torch.enable_grad(), autocast():
        answers = [leaf for leaf in tree_leaves(call()) if isinstance(leaf, Tensor) and leaf.requires_grad]
    torch.autograd.backward(answers, [torch.ones_like(answer) for answer in answers])
