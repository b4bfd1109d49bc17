"""An estimate for people: where the memory goes, what the network is asked, how long it takes, and a verdict."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from genrl.estimate import Advice, Estimate

#: Share of the time from which on a cheaper way is named.
WORTH_SAYING = 0.05


def print_estimate(found: Estimate, advice: Advice, console: Console | None = None) -> None:
    console = console or Console()
    console.print(_memory(found))
    console.print(_work(found))
    console.print(_time(found), soft_wrap=True)
    model, train = found.config.model, found.config.train
    if model.dtype != "float32" and train.mixed_precision == "no" and found.precise > WORTH_SAYING:
        console.print(
            f"{found.precise:.0%} of that goes into adapters, which multiply in float32; with "
            "[bold]--set train.mixed_precision=bf16[/] they do so in 16 bits.",
            soft_wrap=True,
        )
    console.print(verdict(found, advice), soft_wrap=True)


def verdict(found: Estimate, advice: Advice) -> str:
    """One line: it fits, or what to switch on."""
    card, peak, room = found.gpu.name, found.memory.peak, found.room
    if found.fits:
        return f"[green]Fits on one {card}[/]: {size(peak)} of the {size(room)} that a run can fill."
    head = f"[red]Does not fit on one {card}[/]: {size(peak)}, and a run can fill {size(room)}."
    if advice.outcome is None:
        return f"{head} No setting makes it fit; take a larger GPU, or smaller pictures (model.call.height and width)."
    switches = " ".join(f"--set {setting}" for setting in advice.settings)
    spent = duration(sum(advice.outcome.seconds.values()))
    return f"{head} It fits in {size(advice.outcome.memory.peak)}, at {spent} an iteration, with [bold]{escape(switches)}[/]"


def _memory(found: Estimate) -> Table:
    memory, model = found.memory, found.config.model
    table = Table("", "memory", title=f"Memory of {escape(model.path)}", title_justify="left")
    table.columns[1].justify = "right"
    for name, taken in memory.components.items():
        trained, total = found.networks.get(name, (0, 0))
        share = f", {count(trained)} of {count(total)} parameters trained" if total else ""
        table.add_row(f"{name}{share}", size(taken))
    table.add_row("moments of the optimizer", size(memory.optimizer))
    if memory.weight_sets:
        table.add_row("reference and averaged weights", size(memory.weight_sets))
    table.add_row(f"kept latents of shape {found.latent_shape}", size(memory.kept))
    table.add_section()
    table.add_row("encoding", f"+ {size(memory.encoding)}")
    rows, checkpointing = max(found.work.asked), " with checkpointing" if model.gradient_checkpointing else ""
    table.add_row(f"rollout, {min(model.max_rows or rows, rows)} rows at once", f"+ {size(memory.rollout)}")
    table.add_row(f"decoding, {found.decode_rows} at once", f"+ {size(memory.decoding)}")
    learning = f"learning, {max(found.work.trained)} rows at once{checkpointing}, gradients included"
    table.add_row(learning, f"+ {size(memory.learning)}")
    table.add_section()
    table.add_row("[bold]peak[/]", f"[bold]{size(memory.peak)}[/]")
    return table


def _work(found: Estimate) -> Table:
    counts, config = found.work.counts, found.config
    pictures = f"{config.train.prompts_per_iteration} prompts x {config.sampling.group_size} members"
    title = f"One iteration of {config.algorithm_name}: {pictures} x {config.sampling.steps} steps"
    table = Table("", "rows", "TFLOP", "seconds", title=title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    others = (("snapshot", counts["snapshot_forwards"]), ("reference", counts["reference_forwards"]))
    referred = "".join(f" + {rows:,} {name}" for name, rows in others if rows)
    for part, label, rows in (
        ("rollout", "network, forward", f"{counts['forwards']:,}{referred}"),
        ("learning", "network, forward and backward", f"{counts['backwards']:,}"),
        ("decoding", "pictures decoded", f"{counts['decodes']:,}"),
        ("encoding", "texts encoded, each once in a run", f"{counts['encodes']:,}"),
    ):
        table.add_row(label, rows, number(found.flops[part] / 1e12), number(found.seconds[part]))
    table.add_section()
    total, spent = sum(found.flops.values()) / 1e12, sum(found.seconds.values())
    steps = f"{counts['optimizer_steps']} optimizer step{'s' if counts['optimizer_steps'] > 1 else ''}"
    table.add_row(f"[bold]in all, {steps}[/]", "", f"[bold]{number(total)}[/]", f"[bold]{number(spent)}[/]")
    return table


def _time(found: Estimate) -> str:
    iterations, spent = found.config.train.max_steps, duration(sum(found.seconds.values()))
    return (
        f"On one {found.gpu.name} at {found.utilisation:.0%} of its peak: {spent} an iteration, {duration(found.run)} for "
        f"{iterations} iterations and their evaluations. Rewards, loading and saving come on top."
    )


def size(taken: float) -> str:
    """Bytes in a unit that suits them."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if taken >= scale:
            return f"{taken / scale:.1f} {unit}"
    return f"{taken / 1e3:.1f} kB"


def count(number: float) -> str:
    for unit, scale in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= scale:
            return f"{number / scale:.2f} {unit}"
    return f"{number:.0f}"


def number(value: float) -> str:
    """Three digits, or all of a large whole number."""
    return f"{value:,.0f}" if value >= 100.0 else f"{value:.3g}"


def duration(spent: float) -> str:
    if spent < 120.0:
        return f"{spent:.2g} s"
    return f"{spent / 60:.0f} min" if spent < 7200.0 else f"{spent / 3600:.1f} h"
