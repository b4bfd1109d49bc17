"""The live view: progress with ETA, the reward curve, and the numbers that tell whether a run is healthy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

BARS = "▁▂▃▄▅▆▇█"
#: Metric, label: shown in this order when a row has them.
SHOWN = (
    ("reward", "reward"),
    ("reward_std", "spread in group"),
    ("frac_reward_zero_std", "flat groups"),
    ("loss", "loss"),
    ("clip_ratio/region_mean", "clipped"),
    ("log_ratio_abs_max", "max |log ratio|"),
    ("grad_norm", "gradient norm"),
    ("forwards", "forwards"),
    ("backwards", "trained passes"),
    ("step_time", "seconds"),
)


def sparkline(values: list[float], width: int = 60) -> str:
    """The last `width` values as block characters, lowest to highest; NaN leaves a gap."""
    values = values[-width:]
    known = [value for value in values if not math.isnan(value)] or [0.0]
    low, span = min(known), (max(known) - min(known)) or 1.0
    return "".join(" " if math.isnan(value) else BARS[round((value - low) / span * (len(BARS) - 1))] for value in values)


class LiveView:
    """Context manager. On a terminal it redraws in place; elsewhere it prints one line for each evaluation."""

    def __init__(self, title: str, total: int, start: int, console: Console | None = None) -> None:
        self.console = console or Console()
        self.title, self.rewards, self.heldout = title, [], []  # type: ignore[var-annotated]
        self.row: Mapping[str, float] = {}
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
        )
        self.task = self.progress.add_task("iterations", total=total, completed=start)
        self.live = Live(self._draw(), console=self.console, auto_refresh=False)

    def __enter__(self) -> LiveView:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.console.is_terminal:
            self.live.stop()

    def iteration(self, row: Mapping[str, float]) -> None:
        self.row = row
        if "reward" in row:  # methods that learn from a data set have none
            self.rewards.append(row["reward"])
        self.progress.advance(self.task)
        self._refresh()

    def evaluation(self, step: int, summary: str, reward: float) -> None:
        self.heldout.append(reward)
        self.say(f"step {step:>4}  held-out {summary}")
        self._refresh()

    def say(self, text: str) -> None:
        """A line that stays, above the live part."""
        self.console.print(text, highlight=False)

    def _refresh(self) -> None:
        if self.console.is_terminal:
            self.live.update(self._draw(), refresh=True)

    def _draw(self) -> Panel:
        numbers = Table.grid(padding=(0, 2))
        known = [(label, self.row[name]) for name, label in SHOWN if name in self.row]
        for start in range(0, len(known), 5):
            numbers.add_row(*(f"[dim]{label}[/] {value:.4g}" for label, value in known[start : start + 5]))
        parts: list[object] = [self.progress, numbers]
        if self.rewards:
            parts.append(f"[dim]train reward[/]    {sparkline(self.rewards)} {self.rewards[-1]:.3f}")
        if self.heldout:
            parts.append(f"[dim]held-out reward[/] {sparkline(self.heldout)} {self.heldout[-1]:.3f}")
        return Panel(Group(*parts), title=self.title, border_style="cyan")  # type: ignore[arg-type]
