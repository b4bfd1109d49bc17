"""One check, what came of it, and how a check says that something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Result:
    """What one check found: `error` is a sentence if it failed, `skipped` the reason why it does not count."""

    component: str
    check: str
    error: str | None = None
    skipped: str | None = None

    @property
    def passed(self) -> bool:
        return self.error is None and self.skipped is None

    def __str__(self) -> str:
        verdict = self.error or (f"skipped, {self.skipped}" if self.skipped else "ok")
        return f"{self.component}: {self.check}: {verdict}"


class NotApplicable(Exception):  # noqa: N818
    """Raised by a check that says nothing about this component; the message is the reason."""


@dataclass(frozen=True)
class Check:
    """An invariant of a kind. `function(component)` raises AssertionError with a sentence where it does not hold."""

    kind: str
    function: Callable[[Any], None]

    @property
    def name(self) -> str:
        """What a component calls the check by when it declares an exception: the function's name, without check_."""
        return self.function.__name__.removeprefix("check_").replace("_", "-")

    def run(self, component: Any, label: str, exceptions: Mapping[str, str]) -> Result:
        """Run it. A declared exception has to fail: one that is not needed is an error, so that none outlives its cause."""
        declared = exceptions.get(self.name)
        try:
            self.function(component)
        except NotApplicable as reason:
            return Result(label, self.name, skipped=str(reason))
        except Exception as error:
            if declared is not None:
                return Result(label, self.name, skipped=f"declared: {declared}")
            sentence = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
            return Result(label, self.name, error=sentence or "an assertion without a sentence")
        if declared is not None:
            return Result(label, self.name, error="passes, so the exception that is declared for it has to go.")
        return Result(label, self.name)


def expect(condition: bool | Tensor, sentence: str) -> None:
    """AssertionError with the sentence unless the condition holds; unlike `assert` it survives `python -O`."""
    if not condition:
        raise AssertionError(sentence)


def expect_close(actual: Tensor, expected: Tensor, sentence: str, *, rtol: float = 0.0, atol: float = 0.0) -> None:
    """AssertionError with the sentence and the largest difference unless the tensors agree; shapes have to match."""
    expect(actual.shape == expected.shape, f"{sentence} (shape {tuple(actual.shape)}, not {tuple(expected.shape)}).")
    actual, expected = actual.double(), expected.double()
    if not torch.allclose(actual, expected, rtol=rtol, atol=atol):
        raise AssertionError(f"{sentence} (largest difference {(actual - expected).abs().max().item():.3g}).")
