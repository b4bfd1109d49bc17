"""The page of a comparison: one HTML file that carries everything it shows."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from PIL import Image

from genrl.eval_card import EvalCard
from genrl.judging.comparison import PLAIN, Place
from genrl.judging.figure import opened, rows
from genrl.judging.judgement import Judgement
from genrl.report.axis import decimals, fixed, signed
from genrl.report.page import digest
from genrl.statistics import Interval

#: Prompts on the page, and the longest edge of a picture in it: more of either make it slow to load and to send.
ROWS, EDGE, QUALITY = 24, 320, 85


def write_page(path: Path, judged: Mapping[str, Judgement], table: Mapping[str, Sequence[Place]]) -> None:
    """Written whole or not at all. Everything that comes from prompts and names is escaped by the template engine."""
    style = "\n".join(
        files(package).joinpath(name).read_text("utf-8")
        for package, name in (("genrl.report", "page.css"), ("genrl.judging", "compare.css"))
    )
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"signed": signed, "fixed": fixed}
    template = files("genrl.judging").joinpath("compare.html").read_text("utf-8")
    shown = rows(judged, ROWS)
    card = next(iter(judged.values())).card
    page = environment.from_string(template).render(
        methods=list(judged),
        columns=Markup(f"columns-{min(len(judged), 6)}"),
        scored={name.removeprefix("rewards/"): Scaled(places) for name, places in table.items() if not name.startswith(PLAIN)},
        plain={name.removeprefix(PLAIN): Scaled(places) for name, places in table.items() if name.startswith(PLAIN)},
        card=card,
        settings=settings(card),
        weights={name: one.card.weights for name, one in judged.items()},
        rows=[(row, {name: data_uri(picture) for name, picture in row.pictures.items()}) for row in shown],
        style=Markup(style),
        digest=digest,
    )
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(page, encoding="utf-8")
    os.replace(draft, path)


class Scaled:
    """The places of one measure on a common axis from 0 to 100, and the decimals that tell them apart."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = places
        ends = [end for place in places for end in (place.score.low, place.score.high) if end == end] or [0.0]
        self.digits = decimals(0.0, *(place.score.mean for place in places if place.score.mean == place.score.mean))
        margin = (max(ends) - min(ends)) * 0.08 or 1.0
        self.start, self.span = min(ends) - margin, max(ends) - min(ends) + 2 * margin

    def bar(self, interval: Interval) -> tuple[float, float, float] | None:
        """(low, mean, high); None where nothing has this number."""
        if interval.mean != interval.mean:
            return None
        ends = (interval.low, interval.mean, interval.high)
        low, mean, high = (round((end - self.start) / self.span * 100, 2) for end in ends)
        return low, mean, high


def settings(card: EvalCard) -> dict[str, Any]:
    """What all have in common, as people read it."""
    rewards = ", ".join(f"{name} ({', '.join(_facts(one))})" for name, one in card.rewards.items())
    return {
        "pictures": f"{card.samples} of {card.prompts['count']} prompts, seed {card.seed}",
        "solver": f"{card.solver}, {card.steps} steps, {'the own grid' if card.shift is None else f'shift {card.shift:g}'}",
        "resolution": " x ".join(map(str, card.resolution or ())),
        "precision": f"{card.dtype}, autocast {card.mixed_precision}",
        "rewards": rewards,
        "call": ", ".join(f"{name} = {value}" for name, value in card.call.items()) or "nothing beside the prompt",
        "prompts": f"sha256 {card.prompts['sha256']}",
    }


def data_uri(path: Path) -> str:
    image, stream = opened(path), io.BytesIO()
    small = max(image.size) < EDGE // 2
    if small:
        # So that every pixel shows, whatever the browser does when it enlarges.
        scale = EDGE // max(image.size)
        image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    image.thumbnail((EDGE, EDGE))
    image.save(stream, "WEBP", quality=QUALITY, lossless=small)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _facts(reward: Mapping[str, Any]) -> list[str]:
    options = [f"{name} {value}" for name, value in reward["options"].items()]
    return [f"weight {reward['weight']:g}", *options, *([reward["version"]] if reward["version"] else [])]
