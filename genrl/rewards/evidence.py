"""What a message about one picture shows: its prompt, and the picture itself in a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from genrl.rewards.media import as_bytes


@dataclass(frozen=True)
class Evidence:
    """The rows of one call of a panel, so that an error can name one of them.

    texts: their prompts. pixels: (B, 3, H, W) or (B, F, 3, H, W) in [0, 1], None where nothing was decoded.
    folder: where pictures are saved, None for nowhere. step: the iteration, part of the file's name.
    """

    texts: Sequence[str]
    pixels: Tensor | None = None
    folder: Path | None = None
    step: int | None = None

    def of(self, row: int, reward: str) -> str:
        """`row 3 (prompt 'a cat'; picture: runs/1/failures/ocr-step-7-row-3.png)`; writes the file."""
        words = f"prompt {self.texts[row]!r}"
        if self.pixels is not None and self.folder is not None:
            name = re.sub(r"[^\w-]+", "-", reward) + ("" if self.step is None else f"-step-{self.step}")
            words += f"; picture: {_saved(self.pixels[row], self.folder / f'{name}-row-{row}.png')}"
        return f"row {row} ({words})"


def _saved(pixels: Tensor, path: Path) -> str:
    """Write (3, H, W), or a video's frames side by side; the path, or why there is none."""
    if pixels.ndim == 4:
        pixels = pixels.movedim(0, 2).flatten(2)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(as_bytes(pixels).movedim(0, -1).cpu().numpy()).save(path)
    except OSError as error:
        return f"not saved, {error}"
    return str(path)
