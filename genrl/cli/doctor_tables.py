"""An examination for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from genrl.cli.estimate_tables import count, size
from genrl.doctor import Finding
from genrl.doctor.anatomy import components
from genrl.models import DiffusersModel

MARKS = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[dim]-[/]"}


def components_table(name: str, model: DiffusersModel) -> Table:
    title = f"{escape(name)}: {type(model.pipe).__name__}"
    table = Table("component", "class", "parameters", "memory", "type", "LoRA", title=title, title_justify="left")
    for column in table.columns[2:4]:
        column.justify = "right"
    for part in components(model):
        layers, adapters = part.adapted
        low_rank = f"{layers} layers, {count(adapters)} parameters" if layers else "[dim]frozen[/]"
        table.add_row(part.name, part.kind, count(part.parameters), size(part.bytes), part.dtype, low_rank)
    return table


def facts_table(facts: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        table.add_row(f"[dim]{name}[/]", escape(value))
    return table


def findings_table(findings: Sequence[Finding]) -> Table:
    table = Table("", "check", "found", show_lines=True)
    for finding in findings:
        table.add_row(MARKS[finding.passed], finding.question, escape(finding.answer))
    return table


def verdict(findings: Sequence[Finding]) -> str:
    answers = {finding.passed for finding in findings}
    if False in answers:
        return "[red]Not trainable as it is.[/]"
    if None in answers:
        return "[yellow]Nothing speaks against it; the checks marked - need the weights.[/]"
    return "[green]Trainable.[/]"
