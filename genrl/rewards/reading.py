"""Text in pictures, read by RapidOCR, whose wheel holds its networks."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
from PIL import Image

from genrl.errors import RewardError


@cache
def reader(threads: int, side: int) -> Any:
    """The engine, on the CPU; RewardError if the package is missing. See the fields of the reward ocr."""
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise RewardError(f"The reward ocr needs RapidOCR ({error}); run `pip install 'genrl-toolkit[ocr]'`.") from error
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "Det.limit_type": "min",
            "Det.limit_side_len": side,
        }
    )


def package_version() -> str:
    return f"rapidocr {version('rapidocr')}"


def read(picture: Image.Image, threads: int, side: int) -> str:
    """All text that is found, in reading order, its lines joined by spaces; empty where there is none."""
    found = reader(threads, side)(np.asarray(picture.convert("RGB"))[..., ::-1])
    return " ".join(found.txts or ())
