"""`genrl doctor --reward`: whether a reward works here, shown on pictures whose order it should know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genrl.settings import RewardSettings


def rewards_work(rewards: Sequence[RewardSettings]) -> bool:
    """Print a table for each reward; whether no check failed. ConfigError and RewardError for one that is not there."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from genrl.cli.doctor_tables import MARKS
    from genrl.rewards import resolve_reward
    from genrl.rewards.examination import examine_reward

    console, works = Console(), True
    for reward in rewards:
        term = resolve_reward(reward.name, options=dict(reward.options), label=reward.label)
        table = Table("", "check", "found", title=f"reward {escape(term.name)}", title_justify="left", show_lines=True)
        with console.status(f"Asking {escape(term.name)}"):
            rows = list(examine_reward(term))
        for row in rows:
            table.add_row(MARKS[row.passed], row.check, escape(row.detail))
        console.print(table)
        works = works and all(row.passed is not False for row in rows)
    console.print(
        "[green]No check failed.[/]" if works else "[red]A check failed: a run would stop, or learn something else.[/]"
    )
    return works
