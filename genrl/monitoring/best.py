"""The best evaluation so far, and how long nothing has been better."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from genrl.errors import ConfigError
from genrl.monitoring.comparing import Values
from genrl.registry import suggestion


@dataclass(frozen=True)
class Best:
    """step: of the evaluation with the highest `value`, None before the first; waited: evaluations since then."""

    step: int | None = None
    value: float = 0.0
    waited: int = 0

    def after(self, step: int, values: Values, by: str) -> Best:
        """With one more evaluation; `by` is the name whose mean decides, "" keeps no best. ConfigError if there is no such."""
        if not by:
            return self
        if by not in values:
            raise ConfigError(f"evaluation.best_by={by} names nothing that was measured{suggestion(by, values)}")
        known = np.isfinite(values[by])
        mean = float(values[by][known].mean()) if known.any() else -np.inf
        if mean > (-np.inf if self.step is None else self.value):
            return Best(step, mean)
        return replace(self, waited=self.waited + 1)

    def outwaited(self, patience: int) -> bool:
        """Whether `patience` evaluations in a row were no better; never if it is 0."""
        return 0 < patience <= self.waited
