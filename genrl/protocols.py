"""Every contract of a method, with shapes. A component is a frozen dataclass that satisfies one of them.

Its fields are its hyperparameters, its method is its equation, and it holds no state: what must be remembered goes in and
comes out. See `types.py` for the letters in the shapes, `data_protocols.py` for rewards and prompts, `forward_protocols.py` for
the components that only methods of the forward process have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Generator, Tensor

from genrl.randomness import Randomness
from genrl.registry import slot
from genrl.types import Condition, Metrics, Prompt, RolloutGroup, Sampling, Step, StepPlan, Unit

#: (x (B, *L), sigma) -> velocity (B, *L), float32, at one sigma for the whole batch.
Velocity = Callable[[Tensor, float], Tensor]


@slot("solver")
class Solver(Protocol):
    """One step of an ODE or SDE solver from `sigma` down to `sigma_next`. Stateless; never draws noise.

    `velocity` is a callable because Heun asks it twice. `carry` is what the previous step returned (None at the first).
    When `stochastic` is false the step is deterministic: std == 0.0.
    """

    @property
    def evaluations(self) -> int:
        """How often one step asks the network. A class attribute will do."""
        ...

    @property
    def noisy(self) -> bool:
        """Whether the solver can put noise into a step."""
        ...

    def step(self, velocity: Velocity, x: Tensor, sigma: float, sigma_next: float, carry: Any, stochastic: bool) -> Step: ...


@slot("perturber")
class Perturber(Protocol):
    """Initial noise of one group: (size, *shape), each row marginally N(0, I)."""

    def __call__(self, size: int, shape: Sequence[int], rng: Generator) -> Tensor: ...


@slot("steps")
class StepSelector(Protocol):
    """Which steps are noisy and which are trained: a pure function of the iteration and of `rng`.

    `sigmas` are the T+1 points of the model's grid; the plan may carry a different grid (MixGRPO-Flash does).
    """

    def plan(self, iteration: int, sigmas: tuple[float, ...], size: int, rng: Generator) -> StepPlan: ...


@slot("anchors")
class AnchorSelector(Protocol):
    """The members of a group at which the network is asked: (B,) distinct indices, ascending."""

    def __call__(self, size: int, rng: Generator) -> Tensor: ...


@slot("surrogate")
class Surrogate(Protocol):
    """The policy whose ratio is clipped. B anchors score C candidates each.

    One method gives the log-ratio, because each surrogate owns its numerically stable form: a difference of two stored
    log-probabilities loses everything where they are distances near 2e4.
    """

    #: What the rollout must keep besides states and velocities: a subset of {"log_prob"}.
    needs: ClassVar[frozenset[str]]
    #: Whether the trained steps have to be stochastic (a Gaussian has no density on an ODE step).
    stochastic: ClassVar[bool]
    #: The smallest group for which the surrogate means anything.
    smallest_group: ClassVar[int]

    def candidates(self, group: RolloutGroup, members: Tensor) -> Tensor:
        """(B,) anchors -> (B, C) member indices that each anchor scores."""
        ...

    def log_ratio(self, step: Step, old: Step, group: RolloutGroup, members: Tensor, t: int) -> tuple[Tensor, Metrics]:
        """(B, C) log pi_theta - log pi_old of the candidates, differentiable through `step`.

        `step` is the train solver's step from the anchors' stored states under the current policy, `old` the same step
        made from the velocity that the rollout stored (no gradient, no network call).
        """
        ...


@slot("advantage")
class AdvantageEstimator(Protocol):
    """Rewards (R, N, G), NaN where a reward does not apply, and weights (R,) -> advantages (N, G, 1) or (N, G, T).

    Pure; knows nothing of processes. A group without spread gets exactly 0.
    """

    def __call__(self, rewards: Tensor, weights: Tensor, plan: StepPlan) -> Tensor: ...


@slot("ratio-loss")
class RatioLoss(Protocol):
    """(log_ratio (B, C), advantage (B, C)) -> (scalar loss: mean over anchors, sum over candidates; metrics).

    The only place that exponentiates a ratio. divergence: (B,) KL of the anchor's step from the one of the rollout, the mean
    over dimensions, without gradient; None where the steps have no noise or there are no steps.
    """

    def __call__(self, log_ratio: Tensor, advantage: Tensor, divergence: Tensor | None = None) -> tuple[Tensor, Metrics]: ...


@slot("step-weight")
class StepWeight(Protocol):
    """What the clipped term of step `t` counts beside those of the other trained steps: a positive number.

    Pure. Penalties are not weighted.
    """

    def __call__(self, plan: StepPlan, t: int) -> float: ...


@slot("regularizer")
class Regularizer(Protocol):
    """A penalty that is added to the loss, already multiplied by its `beta`: (B,) values.

    `reference` is the same step under the reference weights, None unless `needs_reference`.
    """

    needs_reference: ClassVar[bool]
    #: Whether it only means something on a noisy step, because it divides by the step's variance.
    stochastic: ClassVar[bool]

    def __call__(self, step: Step, reference: Step | None, sigma: float, sigma_next: float, log_ratio: Tensor) -> Tensor: ...


@slot("snapshot")
class SnapshotRule(Protocol):
    """A weight set that begins as the current weights and follows them: set = decay * set + (1 - decay) * current."""

    @property
    def label(self) -> str:
        """What the weight set is called, for `policy.using`."""
        ...

    @property
    def every(self) -> Literal["update", "iteration"]:
        """Whether it moves after every optimizer step or at the end of every iteration."""
        ...

    def decay(self, updates: int) -> float:
        """In [0, 1], after so many optimizer steps of the run: 0 copies the current weights, 1 leaves the set as it is."""
        ...


class Policy(Protocol):
    """One network with several weight sets, and the count of every call. The class is `genrl.policy.WeightedPolicy`."""

    def velocity(self, x: Tensor, sigma: float | Tensor, condition: Condition, *, recompute: bool = False) -> Tensor:
        """(B, *L) in, (B, *L) out, float32; differentiable when gradients are enabled. sigma: a number or (B,) on the CPU.

        recompute: keep nothing for the backward pass, which then asks the network again.
        """
        ...

    def solve(self, condition: Condition, sigmas: tuple[float, ...]) -> AbstractContextManager[Velocity]:
        """Inside it, a velocity for one walk down `sigmas`: the numbers of `velocity`, counted alike."""
        ...

    def latent_shape(self) -> tuple[int, ...]: ...

    def using(self, weights: str) -> Any:
        """Context manager: inside it, `velocity` answers with that weight set ("current", "reference", "ema", ...)."""
        ...

    def media_shape(self) -> tuple[int, ...]: ...

    def encode_media(self, media: Tensor) -> Tensor: ...

    def reward(self, latents: Tensor, prompts: Sequence[Prompt]) -> tuple[Tensor, Metrics]:
        """Weighted sum (B,) of the rewards, differentiable in the latents (B, *L); for algorithms with `reward_gradient`."""
        ...

    @property
    def device(self) -> torch.device: ...


@slot("algorithm")
class Algorithm(Protocol):
    """What the trainer sees of a method, and all it sees: explore, credit, learn."""

    #: Whether learning asks `policy.reward`, so that every reward that counts has to be differentiable.
    reward_gradient: ClassVar[bool]
    #: Columns of the training prompts that hold pictures which the rollout reads.
    reads: ClassVar[tuple[str, ...]]

    @property
    def advantage(self) -> AdvantageEstimator | None:
        """How scores become credit; None for a method whose rollouts are neither decoded nor scored."""
        ...

    @property
    def weight_sets(self) -> frozenset[str]:
        """Weight sets beside "current" that the method asks for, such as {"reference"}."""
        ...

    @property
    def snapshots(self) -> Sequence[SnapshotRule]:
        """How the sets among them move that do; the others stay what the weights were at the start."""
        ...

    def smallest_unit(self, sampling: Sampling) -> int:
        """The fewest rows that can stand in a unit: 1, or more where a loss compares rows."""
        ...

    def check(self, sampling: Sampling) -> None:
        """Raise ConfigError for a combination that cannot work; called before any weight is loaded."""
        ...

    def plan(self, iteration: int, sigmas: tuple[float, ...], sampling: Sampling, rng: Randomness) -> StepPlan: ...

    def rollout(
        self, policy: Policy, prompts: Sequence[Prompt], plan: StepPlan, sampling: Sampling, rng: Randomness
    ) -> list[RolloutGroup]:
        """Explore: G members for each prompt, all in one batch, without gradient.

        What is random is keyed by the prompt, so prompts that are rolled out in several calls get the same pictures.
        """
        ...

    def updates(self, groups: Sequence[RolloutGroup], rows: int, rng: Randomness) -> Iterable[list[Unit]]:
        """Where to ask the network again. Each inner list is one optimizer step; a unit has at most `rows` rows.

        `rows` is never below `smallest_unit`.
        """
        ...

    def loss(self, policy: Policy, unit: Unit) -> tuple[Tensor, Metrics]:
        """Learn: the mean loss over the unit's rows."""
        ...


@slot("model")
class FlowModel(Protocol):
    """Calling conventions of one flow model. `DiffusersModel` serves every diffusers flow pipeline."""

    @property
    def networks(self) -> Mapping[str, torch.nn.Module]:
        """The trainable networks by component name, e.g. {"transformer": ...}."""
        ...

    @property
    def device(self) -> torch.device: ...

    def encode(self, texts: Sequence[str]) -> tuple[Condition, int]:
        """Encode the distinct texts that are not encoded yet; the condition has one row a text; also how many were encoded."""
        ...

    def latent_shape(self) -> tuple[int, ...]: ...

    def sigmas(self, steps: int) -> tuple[float, ...]:
        """T+1 points from about 1 down to 0, the model's own shift applied."""
        ...

    def velocity(self, x: Tensor, sigma: float | Tensor, condition: Condition) -> Tensor:
        """Guided, sign-corrected velocity eps - x0: (B, *L) float32 -> (B, *L) float32, differentiable.

        sigma is one number for the batch, which is the fast way, or a tensor (B,) on the CPU with one for each row.
        """
        ...

    def solve(self, condition: Condition, sigmas: tuple[float, ...]) -> AbstractContextManager[Velocity]:
        """Inside it, a velocity for one walk down `sigmas`: equal to `velocity` to the last bit.

        The place for work that all steps share. `contextlib.nullcontext(partial(self.velocity, condition=condition))` serves
        a model without any.
        """
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """(B, *L) -> images (B, 3, H, W) or frames (B, F, 3, H, W), float32 in [0, 1]."""
        ...

    def media_shape(self) -> tuple[int, ...]:
        """(3, H, W) or (F, 3, H, W) of what is decoded."""
        ...

    def encode_media(self, media: Tensor) -> Tensor:
        """(B, *media_shape) in [0, 1] -> latents (B, *L) float32 that decode to it, as far as the autoencoder is one."""
        ...

    def save(self, folder: Any, weights: str) -> None:
        """Write what `diffusers` loads back: "full" a pipeline folder, "lora" a LoRA file."""
        ...
