"""Pictures to files: one each, and a contact sheet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image
from torch import Tensor

from genrl.errors import ConfigError
from genrl.tracking.grid import contact_sheet, tile, to_uint8


def write_pictures(
    folder: Path, pictures: Tensor, texts: Sequence[str], prefix: str = "", places: Sequence[int] | None = None
) -> list[Path]:
    """Images (B, 3, H, W) as PNG, videos (B, F, 3, H, W) as GIF, named by their places (0, 1, ...) and prompts."""
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place, picture, text in zip(places or range(len(texts)), pictures, texts, strict=True):
            slug = re.sub(r"\W+", "-", text.lower()).strip("-")[:40]
            written.append(_write(folder / f"{prefix}{place:03d}-{slug}", picture))
    except OSError as error:
        raise ConfigError(
            f"Pictures cannot be written to {str(folder)!r} ({error.strerror}); choose another --output."
        ) from None
    return written


def write_sheet(path: Path, columns: Mapping[str, Tensor], texts: Sequence[str], count: int) -> None:
    """A row for each prompt, `count` pictures in it; of several sets of weights, a row each, named in the captions."""
    rows, captions = [], []
    for start in range(0, len(texts), count):
        for name, pictures in columns.items():
            rows.append([tile(pixels) for pixels in to_uint8(pictures[start : start + count])])
            label = f"{name}: {texts[start]}" if len(columns) > 1 else texts[start]
            captions.append([label] * len(rows[-1]))
    contact_sheet(rows, captions).save(path)


def _write(path: Path, picture: Tensor) -> Path:
    if picture.ndim == 3:
        Image.fromarray(to_uint8(picture[None])[0]).save(path := path.with_name(f"{path.name}.png"))
        return path
    frames = [Image.fromarray(pixels) for pixels in to_uint8(picture)]
    path = path.with_name(f"{path.name}.gif")
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=125, loop=0)
    return path
