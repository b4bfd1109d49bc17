"""Mixed: an SDE on the noisy steps, ODE solvers on the others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from genrl.errors import ConfigError
from genrl.protocols import Solver, Velocity
from genrl.registry import component_name, register
from genrl.solvers.euler import Euler
from genrl.solvers.flow_sde import FlowSDE
from genrl.solvers.history import History
from genrl.types import Step


class MixedCarry(NamedTuple):
    """noise_passed: whether a stochastic step lies behind; inner: the memory for whichever part comes next."""

    noise_passed: bool
    inner: Any


@register("solver", "mixed")
@dataclass(frozen=True)
class Mixed:
    """`sde` where the plan is stochastic, `ode` before the first such step, `tail` after it.

    Li et al., MixGRPO, arXiv 2507.21802; with `tail=dpmpp` and a plan whose steps after the window are fewer it is
    MixGRPO-Flash. A part that remembers nothing leaves the History of its own step behind, so a multistep part that
    takes over is second order at once. A plan without noisy steps is solved by `ode` alone.

    sde: solves the noisy steps, which are the ones that a Gaussian surrogate trains.
    ode: solves the deterministic steps before the window, and after it if there is no `tail`. A higher order saves
        steps, but the paper found that before the window it makes training collapse.
    tail: solves the deterministic steps after the window; None leaves them to `ode`. A higher order allows fewer of
        them.
    """

    sde: Solver = field(default_factory=FlowSDE)
    ode: Solver = field(default_factory=Euler)
    tail: Solver | None = None

    noisy: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.sde.noisy:
            raise ConfigError(f"mixed.sde must be an SDE solver such as flow-sde, got {component_name(self.sde)}.")

    @property
    def evaluations(self) -> int:
        """The most that any of the parts asks in one step; which part steps is the plan's business."""
        return max(part.evaluations for part in (self.sde, self.ode, self.tail) if part is not None)

    def step(
        self, velocity: Velocity, x: Tensor, sigma: float, sigma_next: float, carry: MixedCarry | None, stochastic: bool
    ) -> Step:
        noise_passed, inner = carry if carry is not None else (False, None)
        part = self._part(noise_passed, stochastic)
        step = part.step(velocity, x, sigma, sigma_next, inner, stochastic)
        # MixGRPO's code leaves this history behind for flow noise only; its dance branch starts the tail at order one.
        # The clean estimate means the same under either noise, so here every part leaves one.
        left = History(step.x0, sigma) if step.carry is None else step.carry
        return replace(step, carry=MixedCarry(noise_passed or stochastic, left))

    def _part(self, noise_passed: bool, stochastic: bool) -> Solver:
        if stochastic:
            return self.sde
        return self.tail if noise_passed and self.tail is not None else self.ode
