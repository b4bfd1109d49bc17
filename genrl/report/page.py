"""The page: one HTML file that carries everything it shows, so that it can be read offline and sent to anybody."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from genrl.report.axis import duration, fixed, number, signed
from genrl.report.chart import Line, chart
from genrl.report.cost import cost
from genrl.report.folder import CONFIG, RunFolder, read_run
from genrl.report.health import Finding, findings
from genrl.report.measures import Measure, headline, measures
from genrl.report.pictures import frames
from genrl.report.recipe import STARTED, paper, settings

FILE = "report.html"
#: Sizes of the main chart in user units: one for laptops, one for phones, as type that is scaled down cannot be read.
WIDE, NARROW = (720, 300), (360, 250)


@dataclass(frozen=True)
class Charted:
    """Something measured and its picture."""

    of: Measure | Finding
    picture: Markup


def write_report(folder: Path, state: str | None = None) -> Path:
    """Write `report.html` into a run's folder, whole or not at all; `state` replaces what the folder lets one guess."""
    run = read_run(folder)
    path, draft = folder / FILE, folder / f".{FILE}.draft"
    draft.write_text(render(run, state), encoding="utf-8")
    os.replace(draft, path)
    return path


def render(run: RunFolder, state: str | None = None) -> str:
    """The page as text. Everything that comes from the run is escaped by the template engine."""
    own = {name: files("genrl.report").joinpath(name).read_text("utf-8") for name in ("page.html", "page.css", "page.js")}
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "duration": duration, "fixed": fixed, "signed": signed}
    held_out, signs = measures(run), findings(run)
    total, watched = headline(run)
    return environment.from_string(own["page.html"]).render(
        run=run,
        state=state or run.state,
        times=times(run),
        total=total,
        watched=watched,
        measures=held_out,
        main=[reward_chart(run, held_out, *size) for size in (WIDE, NARROW)],
        beside=[Charted(measure, measure_chart(measure)) for measure in held_out if measure.role != "total"],
        findings=[Charted(finding, finding_chart(finding)) for finding in signs],
        alarming=sum(finding.worth_a_look for finding in signs),
        frames=frames(run),
        cost=cost(run),
        paper=paper(run),
        settings=list(settings(run)),
        config=(run.path / CONFIG).read_text("utf-8"),
        style=Markup(own["page.css"]),
        script=Markup(own["page.js"]),
        digest=digest,
    )


def reward_chart(run: RunFolder, held_out: list[Measure], width: int, height: int) -> Markup:
    """The training reward of every iteration, the held-out reward with its interval, and where alarms were raised."""
    lines = [Line("training reward", "training", [(row["step"], row["reward"]) for row in run.iterations if "reward" in row])]
    lines += [_curve(measure, "held-out reward") for measure in held_out if measure.role == "total"]
    alarms = sorted({alarm["step"] for alarm in run.alarms or ()})
    return chart(lines, "Training and held-out reward over iterations", width, height, alarms)


def measure_chart(measure: Measure) -> Markup:
    return chart([_curve(measure, measure.label)], f"{measure.label} on held-out prompts over iterations")


def finding_chart(finding: Finding) -> Markup:
    css = "worrying" if finding.worth_a_look else "healthy"
    return chart([Line(finding.sign.metric, css, finding.points)], f"{finding.sign.label} over iterations", height=130)


def _curve(measure: Measure, label: str) -> Line:
    points = [(step, interval.mean) for step, interval in measure.curve.items()]
    band = [(interval.low, interval.high) for interval in measure.curve.values()]
    return Line(label, measure.role, points, band, marked=True)


def times(run: RunFolder) -> str:
    """When the run began, if it wrote it down, and when it last wrote a number; in UTC."""
    last = datetime.fromtimestamp(run.written, UTC)
    if STARTED not in run.environment:
        return f"last number {last:%Y-%m-%d %H:%M} UTC"
    first = datetime.fromisoformat(run.environment[STARTED])
    return f"started {first:%Y-%m-%d %H:%M}, last number {last:%Y-%m-%d %H:%M} UTC"


def digest(text: str) -> str:
    """What a Content-Security-Policy calls an inline script or style, so that no other may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
