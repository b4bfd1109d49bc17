"""A benchmark for people: the loop alone, the counts, the overhead, and on a GPU what it is used for."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from genrl.bench import Benchmark
from genrl.bench.gpu import Gpu
from genrl.bench.quartiles import Quartiles
from genrl.cli.estimate_tables import size

#: Milliseconds that the loop allows itself for its standard work, and waits for the device in an iteration.
LOOP, WAITS = 25.0, 2


def print_benchmark(found: Benchmark, console: Console | None = None) -> None:
    console = console or Console()
    console.print(_loop(found))
    console.print(_counts(found))
    console.print(_overhead(found))
    if found.gpu is not None:
        console.print(_gpu(found.gpu))
    console.print(_conditions(found), soft_wrap=True)


def _loop(found: Benchmark) -> Table:
    loop = found.loop
    title = f"The loop alone, networks stubbed: {loop.samples} samples x {loop.steps} steps, {loop.rows} rows learnt from"
    table = _table(title, "CPU ms", "of which each")
    table.add_row("rollout", f"{loop.rollout:.1f}", f"{loop.per_step:.2f} a denoising step")
    passes = f"{loop.passes} pass{'es' if loop.passes > 1 else ''}"
    table.add_row(f"learning, {passes}", f"{loop.learn:.1f}", f"{loop.per_pass:.2f} a pass")
    table.add_row("the rest", f"{loop.rest:.1f}", "")
    table.add_section()
    table.add_row("[bold]in all[/]", f"[bold]{spread(loop.own, 1)}[/]", _verdict(loop.own.median, LOOP, f"{LOOP:.0f} ms"))
    table.add_row("[dim]decoding and rewards, beside it[/]", f"[dim]{loop.outside:.1f}[/]", "")
    return table


def _counts(found: Benchmark) -> Table:
    groups = f"{found.config.train.prompts_per_iteration} prompts x {found.config.sampling.group_size} members"
    table = _table(f"The first iteration of {found.config.algorithm_name}: {groups}", "counted", "asked for")
    for name, (counted, asked) in found.counts.items():
        mark = "[green]✓[/]" if counted == asked else "[red]✗[/]"
        table.add_row(name.replace("_", " "), f"{counted:,}", f"{asked:,} {mark}")
    table.add_row("calls of the networks", f"{found.calls:,}", "")
    return table


def _overhead(found: Benchmark) -> Table:
    overhead = found.overhead
    left_out = f", {overhead.discarded} left out" if overhead.discarded else ""
    table = _table(f"Beyond the network of {escape(found.config.model.path)}: {len(overhead.pairs)} pairs{left_out}", "", "")
    timed = "CPU s" if found.device.type == "cpu" else "s"
    table.add_row("an iteration", f"{overhead.whole:.3f} {timed}", "")
    if found.device.type == "cpu":
        for part, spent in overhead.parts.items():
            table.add_row(f"  {part}", f"{spent:.3f} {timed}", f"{spent / overhead.whole:.1%}")
    table.add_row("its network calls, bare", f"{overhead.bare:.3f} {timed}", "")
    table.add_section()
    goal = "" if found.target is None else _verdict(overhead.ratio.median, found.target, f"{found.target:.2f}")
    table.add_row("[bold]ratio[/]", f"[bold]{spread(overhead.ratio, 3)}[/]", goal)
    return table


def _gpu(gpu: Gpu) -> Table:
    table = _table(escape(gpu.name), "", "")
    table.add_row("a large product of bfloat16 matrices", f"{gpu.peak:,.0f} TFLOP/s", "")
    table.add_row("network calls of an iteration", f"{gpu.flops / 1e12:,.1f} TFLOP", f"{gpu.share:.0%} of that, in its time")
    table.add_row("peak memory", size(gpu.memory), "")
    table.add_row("waits of the host", f"{gpu.host_syncs}", _verdict(gpu.host_syncs, WAITS, f"{WAITS}"))
    for place, times in gpu.waits.items():
        table.add_row(f"  [dim]{escape(place)}[/]", f"[dim]{times}[/]", "")
    return table


def _conditions(found: Benchmark) -> str:
    versions = ", ".join(f"{name} {found.environment[name]}" for name in ("torch", "diffusers"))
    return (
        f"[dim]{found.device}, {found.threads} thread(s), load {found.load:.1f}; {versions}, {found.environment['device']}[/]"
    )


def spread(value: Quartiles, digits: int) -> str:
    """The median and, in brackets, the quartiles."""
    return f"{value.median:.{digits}f} ({value.low:.{digits}f} to {value.high:.{digits}f})"


def _verdict(value: float, target: float, named: str) -> str:
    return f"[green]at most {named}[/]" if value <= target else f"[red]above {named}[/]"


def _table(title: str, *columns: str) -> Table:
    table = Table("", *columns, title=title, title_justify="left", show_header=any(columns))
    table.columns[1].justify = "right"
    return table
