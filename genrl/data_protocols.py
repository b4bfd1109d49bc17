"""The contracts of what surrounds a method: rewards and prompts. Those of the method itself are in `protocols.py`."""

from __future__ import annotations

from typing import Any, Protocol

from genrl.registry import slot
from genrl.types import Prompt


@slot("reward")
class Reward(Protocol):
    """Rows in, numbers out: TRL's reward signature, sync or async, so a plain function serves as well.

    completions: PIL images (videos: uint8 arrays (F, H, W, 3)); with the attribute `media = "tensor"` floats in [0, 1],
    (B, 3, H, W) or (B, F, 3, H, W); with `media = "latent"` latents (B, *L), which costs no decoding. Every other prompt
    column arrives as a list. An answer of None means "does not apply to this row"; `genrl.rewards.Failed(reason)` that
    the row could not be scored. A RewardError that it raises ends the run.

    Optional attributes, class variables of a component or set on a function; `genrl.rewards.RewardTerm` reads them:
    `device` of tensors ("cpu"); `group_wise = True` to be called with `groups`, the group number of each row; `bounds`
    (low, high) that no value leaves; `differentiable = True` if it answers with a tensor (B,) that has a gradient in
    the completions; `version`, the checkpoint or package behind the numbers. Optional methods: `check()` raises
    RewardError before a run if something is missing, `metrics(...)` measures what is never trained on, `known_answers()`
    returns (columns of a prompt, "prompt" among them, a good picture, a bad picture), pictures (3, H, W) in [0, 1].
    Networks and clients are built at the first call and shared; an instance holds hyperparameters alone.
    """

    def __call__(self, prompts: list[str], completions: Any, **columns: Any) -> Any: ...


@slot("prompts")
class PromptTable(Protocol):
    """The prompts that a package ships under a name."""

    def rows(self, split: str) -> list[dict[str, Any]]:
        """Rows with a column "prompt" for split "train" or "heldout"; no prompt occurs in both."""
        ...


class PromptSource(Protocol):
    """Prompts in an endless, resumable order."""

    def draw(self, start: int, count: int) -> list[Prompt]:
        """Prompts number start .. start+count-1 of the order; a pure function of `start`."""
        ...
