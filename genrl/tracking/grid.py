"""PNG grids: the same prompts and noise at every evaluation, so that two files can be compared by eye."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

if TYPE_CHECKING:
    # Grids are also read where nothing else needs torch.
    from torch import Tensor

#: Pictures are enlarged to about this many pixels, small ones without smoothing so that every pixel shows.
TILE = 192
CAPTION = 30
LINE = 15
GAP = 6
#: The text chunk of a grid's PNG that says where its pictures are and what each was asked for.
TILES = "genrl-tiles"


def to_uint8(images: Tensor) -> np.ndarray:
    """(N, 3, H, W) or (N, F, 3, H, W) in [0, 1] -> (N, H, W, 3) uint8; a video shows its middle frame."""
    if images.ndim == 5:
        images = images[:, images.shape[1] // 2]
    return (images.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def tile(pixels: np.ndarray) -> Image.Image:
    """One picture (H, W, 3) at the grid's size."""
    image = Image.fromarray(pixels)
    scale = TILE / max(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    return image.resize(size, Image.Resampling.NEAREST if scale > 2 else Image.Resampling.LANCZOS)


def contact_sheet(
    rows: Sequence[Sequence[Image.Image]], captions: Sequence[Sequence[str]], headers: Sequence[str] = ()
) -> Image.Image:
    """Tiles in rows with a caption under each; `headers` name the columns. `info[TILES]` holds places and captions."""
    columns = max(len(row) for row in rows)
    written = [[wrapped(text) for text in texts] for texts in captions]
    below = max(CAPTION, LINE * max(len(lines) for texts in written for lines in texts))
    tall = max(image.height for row in rows for image in row) + below + GAP
    wide = max(image.width for row in rows for image in row) + GAP
    top = CAPTION if headers else GAP
    sheet = Image.new("RGB", (columns * wide + GAP, top + len(rows) * tall), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    places = []
    for column, header in enumerate(headers):
        pen.text((GAP + column * wide, 8), header, fill="black", font=font)
    for i, (images, texts) in enumerate(zip(rows, captions, strict=True)):
        for j, (image, text) in enumerate(zip(images, texts, strict=True)):
            x, y = GAP + j * wide, top + i * tall
            sheet.paste(image, (x, y))
            places.append({"caption": text, "box": (x, y, x + image.width, y + image.height)})
            pen.multiline_text((x, y + image.height + 2), "\n".join(written[i][j]), fill="black", font=font, spacing=1)
    sheet.info[TILES] = json.dumps(places)
    return sheet


def wrapped(caption: str) -> list[str]:
    """The lines of a caption, at most two for each line that it has itself."""
    return [line for part in caption.split("\n") for line in textwrap.wrap(part, 30)[:2]]


def save_before_after(path: Path, before: Tensor, after: Tensor, captions: Sequence[str], columns: int = 8) -> None:
    """Write two rows of pictures, the same prompts and noise before and after."""
    rows = [[tile(pixels) for pixels in to_uint8(images[:columns])] for images in (before, after)]
    contact_sheet(rows, [["before"] * len(rows[0]), list(captions[:columns])]).save(path)


def save_grid(path: Path, images: Tensor, captions: Sequence[str], columns: int = 8) -> None:
    """Write images (N, 3, H, W) in [0, 1] with their prompts as one PNG, whole or not at all."""
    tiles = [tile(pixels) for pixels in to_uint8(images)]
    rows = [tiles[i : i + columns] for i in range(0, len(tiles), columns)]
    texts = [list(captions[i : i + columns]) for i in range(0, len(tiles), columns)]
    sheet, notes = contact_sheet(rows, texts), PngInfo()
    notes.add_text(TILES, sheet.info[TILES])
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    sheet.save(draft, format="PNG", pnginfo=notes)
    draft.replace(path)


def read_grid(path: Path) -> list[tuple[str, Image.Image]]:
    """The captions and pictures of a grid that `save_grid` wrote; one picture without caption if it does not say where."""
    with Image.open(path) as sheet:
        places = json.loads(sheet.info.get(TILES, "[]"))
        pixels = sheet.convert("RGB")
    return [(place["caption"], pixels.crop(place["box"])) for place in places] or [("", pixels)]
