"""Whether an open run of a pipeline answers what fresh runs answer, found out without asking the network once more.

A pipeline may look at the number of the step, at the next timestep or at what it computed before. A fresh run sees none of
them, and it is fresh runs that learn; their answers must be those of the rollout. So the first walk of each length is made
twice: the open run asks the network, a fresh run has to ask for the same and is given the recorded answers.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genrl.models.driver import Driver
from genrl.models.scheduler_proxy import Moment
from genrl.models.session import OpenRun, Unsteady


@dataclass(frozen=True)
class Call:
    """One call of a network."""

    network: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    answer: Any


class Trial(OpenRun):
    """An open run that compares each of its answers with a fresh run's and raises `Unsteady` where they differ.

    verdicts: by number of steps, whether open runs are steady; written at the last step or at a difference.
    """

    def __init__(self, driver: Driver, texts: tuple[str, ...], moments: Sequence[Moment], verdicts: dict[int, bool]) -> None:
        super().__init__(driver, texts, moments)
        self._moments, self._left, self._verdicts = moments, list(moments), verdicts

    def velocity(self, x: Tensor) -> Tensor:
        with recorded(self._driver.networks) as calls:
            velocity = super().velocity(x)
        with replayed(self._driver, calls):
            steady = same(self._alone(x, self._left.pop(0)), velocity) and not calls
        if not steady or not self._left:
            self._verdicts[len(self._moments)] = steady
        if not steady:
            warnings.warn(
                "This pipeline looks at more than latents, prompt and timestep at each step (such as the number of the "
                "step), so it is run anew at each step instead of once for a rollout.",
                stacklevel=2,
            )
            raise Unsteady
        return velocity

    def _alone(self, x: Tensor, moment: Moment) -> Tensor | None:
        try:
            return self._driver.velocity(x, moment, self._texts)
        except Unsteady:
            return None


@contextmanager
def recorded(networks: dict[str, nn.Module]) -> Iterator[list[Call]]:
    """Inside, every call of the networks is added to the list."""
    calls: list[Call] = []

    def record(network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], answer: Any) -> None:
        calls.append(Call(network, args, kwargs, answer))

    hooks = [network.register_forward_hook(record, with_kwargs=True) for network in networks.values()]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def replayed(driver: Driver, calls: list[Call]) -> Iterator[None]:
    """Inside, the pipeline meets stand-ins for its networks that answer from `calls` and take the answers off the list."""
    networks = driver.networks
    driver.replace({name: _StandIn(network, calls) for name, network in networks.items()})
    try:
        yield
    finally:
        driver.replace(networks)


class _StandIn:
    """A network in everything but its forward."""

    def __init__(self, network: nn.Module, calls: list[Call]) -> None:
        self._network, self._calls = network, calls

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        call = self._calls.pop(0) if self._calls else None
        if call is None or call.network is not self._network or not same((call.args, call.kwargs), (args, kwargs)):
            raise Unsteady
        return call.answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


def same(a: Any, b: Any) -> bool:
    """Equal to the last bit, through lists, tuples and dictionaries."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and bool(a == b)
