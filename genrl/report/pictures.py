"""The grids of a run as frames of single pictures, small enough to travel inside a page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from genrl.report.folder import RunFolder
from genrl.tracking import read_grid

#: Evaluations whose pictures are shown, first and last among them, and the bytes for all of them: more of either make a
#: page slow to load and to send.
FRAMES, BYTES = 12, 2_000_000
#: Longest edge in pixels. A sheet whose pictures cannot be told apart is one picture, so it may be larger.
EDGE, SHEET_EDGE = 192, 1280
QUALITY = 82


@dataclass(frozen=True)
class Picture:
    """A WebP as data URI, its size in pixels, and the prompt it was drawn for."""

    uri: str
    width: int
    height: int
    caption: str


@dataclass(frozen=True)
class Frame:
    """The pictures of one evaluation: the same prompts and noise in every frame."""

    step: int
    pictures: list[Picture]

    @property
    def size(self) -> int:
        return sum(len(picture.uri) for picture in self.pictures)


def frames(run: RunFolder) -> list[Frame]:
    """Evaluations that kept pictures, spread evenly, as many as `FRAMES` and `BYTES` allow; at least first and last."""
    steps = list(run.grids)
    if not steps:
        return []
    first = Frame(steps[0], _pictures(run.grids[steps[0]]))
    count = min(len(steps), FRAMES, max(2, BYTES // first.size))
    chosen = [steps[round(i * (len(steps) - 1) / (count - 1))] for i in range(1, count)]
    return [first, *(Frame(step, _pictures(run.grids[step])) for step in chosen)]


def _pictures(path: Path) -> list[Picture]:
    found = read_grid(path)
    edge = EDGE if len(found) > 1 else SHEET_EDGE
    return [_picture(image, caption, edge) for caption, image in found]


def _picture(image: Image.Image, caption: str, edge: int) -> Picture:
    image.thumbnail((edge, edge))
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=QUALITY)
    encoded = base64.b64encode(stream.getvalue()).decode()
    return Picture(f"data:image/webp;base64,{encoded}", image.width, image.height, caption)
