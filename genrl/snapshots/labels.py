"""What a weight set may be called."""

from __future__ import annotations

from genrl.errors import ConfigError

#: Sets that something else moves: the optimizer, nobody, and the trainer's average for evaluation.
TAKEN = {"current": "is what learns", "reference": "never moves", "ema": "is train.ema_decay's"}


def check_label(label: str) -> None:
    if label in TAKEN:
        raise ConfigError(f"A snapshot cannot be called {label!r}, which {TAKEN[label]}; choose another label, such as old.")
    if not label:
        raise ConfigError("A snapshot needs a label, such as old.")
