"""The figure of a comparison: one row a prompt, one column a method, the prompt under it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genrl.judging.judgement import Judgement
from genrl.tracking.grid import GAP, TILE, tile

#: Rows of the figure; more do not fit a page.
ROWS = 8
HEAD, LINE, SIZE = 30, 18, 15


@dataclass(frozen=True)
class Row:
    """One prompt and what each method drew for it, from the same noise; by method, what a writer had made of it."""

    prompt: str
    pictures: dict[str, Path]
    written: dict[str, str]

    @property
    def lines(self) -> list[str]:
        """The prompt, and what writers made of it."""
        return [self.prompt, *(f"{name}: {text}" for name, text in self.written.items())]


def rows(judged: Mapping[str, Judgement], most: int) -> list[Row]:
    """The first picture of each prompt, in the order of the evaluation: nothing is chosen by how it looks."""
    prompts = next(iter(judged.values())).prompts
    first = {prompt: sample for sample, prompt in reversed(list(enumerate(prompts)))}
    samples = sorted(first.values())[:most]
    return [
        Row(
            prompts[i],
            {name: one.pictures[i] for name, one in judged.items()},
            {name: one.written[i] for name, one in judged.items() if one.written},
        )
        for i in samples
    ]


def opened(path: Path) -> Image.Image:
    """A picture; of a video its middle frame."""
    with Image.open(path) as image:
        frames = getattr(image, "n_frames", 1)
        image.seek(frames // 2)
        return image.convert("RGB")


def save_figure(path: Path, judged: Mapping[str, Judgement]) -> None:
    shown = [[tile(np.asarray(opened(picture))) for picture in row.pictures.values()] for row in rows(judged, ROWS)]
    font, bold = ImageFont.load_default(SIZE), ImageFont.load_default(SIZE + 1)
    wide, tall = max(TILE, shown[0][0].width) + GAP, shown[0][0].height
    letters = int(wide * len(judged) / (SIZE * 0.52))
    texts = [[line for text in row.lines for line in textwrap.wrap(text, letters)[:3]] for row in rows(judged, ROWS)]
    height = HEAD + sum(tall + LINE * len(lines) + 3 * GAP for lines in texts)
    sheet = Image.new("RGB", (wide * len(judged) + GAP, height), "white")
    pen = ImageDraw.Draw(sheet)
    for column, name in enumerate(judged):
        pen.text((GAP + column * wide + TILE / 2, HEAD / 2), _fitting(name, bold, wide), "black", bold, anchor="mm")
    y = HEAD
    for images, lines in zip(shown, texts, strict=True):
        for column, image in enumerate(images):
            sheet.paste(image, (GAP + column * wide + (TILE - image.width) // 2, y))
        y += tall + GAP
        for line in lines:
            pen.text((sheet.width / 2, y + LINE / 2), line, "black", font, anchor="mm")
            y += LINE
        y += 2 * GAP
    sheet.save(path)


def _fitting(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The name, its beginning cut off if it is wider: what tells folders apart is at their end."""
    kept = name
    while font.getlength(kept) > width - GAP and len(kept) > 2:
        kept = f"…{kept.lstrip('…')[1:]}"
    return kept
