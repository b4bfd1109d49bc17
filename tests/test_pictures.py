"""Cells of a data set become pixels of the model's size, or an error in a sentence."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genrl.errors import PromptError
from genrl.pictures import pixels

ARRAY = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
EXPECTED = torch.from_numpy(ARRAY).movedim(-1, 0) / 255


def as_png(array: np.ndarray = ARRAY) -> bytes:
    stream = BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["array", "image", "path", "text", "bytes", "stored path"])
def test_every_way_to_hold_a_picture(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(as_png())
    cell: dict[str, Any] = {
        "array": ARRAY,
        "image": Image.fromarray(ARRAY),
        "path": tmp_path / "a.png",
        "text": str(tmp_path / "a.png"),
        "bytes": {"bytes": as_png(), "path": None},
        "stored path": {"bytes": None, "path": str(tmp_path / "a.png")},
    }
    torch.testing.assert_close(pixels(cell[kind], (3, 4, 6)), EXPECTED)


def test_another_size_is_scaled_until_it_covers_and_cropped_in_the_middle() -> None:
    wide = np.zeros((8, 32, 3), np.uint8)
    wide[:, 12:20] = 255  # the middle square, of which nothing but white is left
    assert float(pixels(Image.fromarray(wide), (3, 4, 4)).min()) > 0.9
    whole = pixels(Image.fromarray(wide), (3, 4, 16))
    assert float(whole[:, :, 0].max()) < 0.1


def test_grey_and_transparent_pictures_get_three_channels() -> None:
    assert pixels(Image.new("L", (6, 4), 255), (3, 4, 6)).min() == 1.0
    assert pixels(Image.new("RGBA", (6, 4), (255, 255, 255, 0)), (3, 4, 6)).shape == (3, 4, 6)


def test_frames_of_a_video() -> None:
    frames = np.stack([ARRAY, ARRAY[::-1]])
    expected = torch.stack([EXPECTED, EXPECTED.flip(1)])
    torch.testing.assert_close(pixels(frames, (2, 3, 4, 6)), expected)
    torch.testing.assert_close(pixels([Image.fromarray(frame) for frame in frames], (2, 3, 4, 6)), expected)
    with pytest.raises(PromptError, match="has 1 frames where the model makes 2"):
        pixels(Image.fromarray(ARRAY), (2, 3, 4, 6))


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("nowhere.png", "'nowhere.png' cannot be read"),
        ({"bytes": as_png()[:40], "path": None}, "A picture cannot be read"),
        (3, "int '3' is no picture"),
        (None, "NoneType 'None' is no picture"),
        ({"bytes": b"<svg/>", "path": None}, "A picture cannot be read"),
    ],
)
def test_what_is_no_picture_is_an_error_in_a_sentence(cell: Any, says: str) -> None:
    with pytest.raises(PromptError, match=says):
        pixels(cell, (3, 4, 6))
