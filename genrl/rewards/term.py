"""One reward of a panel: a function, its name, its weight, and the keywords it takes."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from genrl.errors import RewardError
from genrl.rewards.media import FORMS

#: Keywords that rewards are offered besides the columns of the prompts: TRL's, but for the token ids, and the groups.
OFFERED = ("prompts", "completions", "trainer_state", "log_extra", "log_metric", "groups")


@dataclass(frozen=True)
class RewardTerm:
    """A reward function with TRL's signature, or a registered component, and its weight.

    name: the reward's name in messages and metrics.
    function: `f(prompts, completions, **columns) -> list[float | None | Failed]`, sync or async. The properties below
    read what it says of itself in optional attributes.
    weight: its share in the advantage; higher counts more, 0 only watches, negative pushes down.
    on_failure: what a `Failed` in its answer does: "stop" the run, or "drop" the picture's group from the iteration.

    Raises RewardError if the function cannot be called that way.
    """

    name: str
    function: Callable[..., Any]
    weight: float = 1.0
    on_failure: Literal["stop", "drop"] = "stop"

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight):
            raise RewardError(f"The weight of reward {self.name!r} is {self.weight}; give a finite number.")
        if self.media not in FORMS:
            raise RewardError(f"Reward {self.name!r} has media = {self.media!r}; it must be one of {', '.join(FORMS)}.")
        if self.differentiable and self.media == "pil":
            raise RewardError(
                f'Reward {self.name!r} is differentiable, but no gradient reaches PIL images; set media = "tensor".'
            )
        takes = self.keywords
        for name in ("prompts", "completions"):
            if not takes.accepts(name):
                raise RewardError(
                    f"Reward {self.name!r} does not take the keyword {name!r}; "
                    "write it as `def reward(prompts, completions, **columns)`."
                )
        if "completion_ids" in takes.required:
            raise RewardError(
                f"Reward {self.name!r} demands 'completion_ids', the token ids of a text; pictures have none. "
                "Give the parameter a default."
            )

    @cached_property
    def keywords(self) -> Keywords:
        return Keywords.of(self.function, self.name)

    @property
    def media(self) -> str:
        """The completions it wants: "pil" images, a "tensor" of pixels, or the "latent", which needs no decoding."""
        return getattr(self.function, "media", "pil")

    @property
    def device(self) -> Any:
        """Where it wants tensors."""
        return getattr(self.function, "device", "cpu")

    @property
    def group_wise(self) -> bool:
        """Whether it compares pictures of one prompt: it is offered the keyword `groups`, the group number of each row."""
        return getattr(self.function, "group_wise", False)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The range that its values cannot leave; a value that does is an error."""
        return getattr(self.function, "bounds", None)

    @property
    def differentiable(self) -> bool:
        """Whether it answers with a tensor (B,) that has a gradient in the completions, where gradients are enabled."""
        return getattr(self.function, "differentiable", False)

    @property
    def version(self) -> str:
        """What its numbers depend on besides its fields: a checkpoint and its revision, a package and its version."""
        return getattr(self.function, "version", "")

    def check(self) -> None:
        """Before a run: RewardError with the cure if something that it needs is missing."""
        check = getattr(self.function, "check", None)
        if check is not None:
            check()

    @property
    def is_async(self) -> bool:
        """Also for partials and for instances whose `__call__` is async."""
        function = self.function
        while isinstance(function, functools.partial):
            function = function.func
        return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


@dataclass(frozen=True)
class Keywords:
    """Which keywords a function takes, read off its signature once.

    A function with `**kwargs` is given everything, as in TRL. One without is given exactly the parameters it names: its
    signature is its choice, so leaving the rest out hides nothing from it.
    """

    named: frozenset[str]
    required: frozenset[str]
    any_other: bool

    @staticmethod
    def of(function: Callable[..., Any], name: str) -> Keywords:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError) as error:
            raise RewardError(
                f"Reward {name!r} ({function!r}) is no function whose signature can be read; "
                "wrap it as `def reward(prompts, completions, **columns)`."
            ) from error
        by_keyword = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        return Keywords(
            named=frozenset(p.name for p in by_keyword),
            required=frozenset(p.name for p in by_keyword if p.default is p.empty),
            any_other=any(p.kind is p.VAR_KEYWORD for p in parameters),
        )

    def accepts(self, name: str) -> bool:
        return self.any_other or name in self.named

    def select(self, offer: Mapping[str, Any], name: str) -> dict[str, Any]:
        """What of `offer` the function is called with; RewardError if it demands more."""
        missing = sorted(self.required - offer.keys())
        if missing:
            columns = sorted(offer.keys() - set(OFFERED))
            raise RewardError(
                f"Reward {name!r} needs the column {', '.join(map(repr, missing))}, but the prompts have "
                f"{', '.join(map(repr, columns)) if columns else 'no further column'}; "
                "add it to the prompts or give the parameter a default."
            )
        return {key: value for key, value in offer.items() if self.accepts(key)}
