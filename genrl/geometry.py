"""How an iteration is shared out among processes: by whole groups, the same number to each, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from genrl.errors import ConfigError


@dataclass(frozen=True)
class Geometry:
    """What one of `processes` does in an iteration; every other does as much.

    prompts: its groups, of `members` pictures each. batches: prompts of each rollout, one after the other.
    updates: optimizer steps, which all processes take together. passes: rows of each backward pass, of all updates.
    """

    processes: int
    prompts: int
    members: int
    batches: tuple[int, ...]
    updates: int
    passes: tuple[int, ...]


def prompts_of_each(prompts: int, processes: int) -> int:
    """The part of one process in `prompts` of an iteration; ConfigError, with what would do, if they do not come out even."""
    if prompts % processes == 0:
        return prompts // processes
    below, above = prompts - prompts % processes, prompts + -prompts % processes
    even = [number for number in range(1, prompts + 1) if prompts % number == 0]
    fewer, more = [number for number in even if number < processes], [number for number in even if number > processes]
    raise ConfigError(
        f"{prompts} prompts an iteration cannot be shared out evenly among {processes} processes, because the pictures of a "
        f"prompt stay on one of them. Set train.prompts_per_iteration to {_either([below] if below else [], [above])}, or "
        f"start {_either(fewer[-1:], more[:1])} processes."
    )


def batches_of(prompts: int, at_once: int) -> tuple[int, ...]:
    """`prompts` in rollouts of `at_once`, the last of what is left; 0 takes all at once."""
    size = at_once or prompts
    return tuple(min(size, prompts - start) for start in range(0, prompts, size))


def _either(*numbers: list[int]) -> str:
    return " or ".join(str(number) for some in numbers for number in some)
