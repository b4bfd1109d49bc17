"""The embedded prompt writer: a tiny causal language model that turns loose requests into the embedded model's language.

Its folder loads with transformers' Auto classes; nothing in it is custom.
"""

from pathlib import Path

WRITER_FOLDER = Path(__file__).parent / "model"

__all__ = ["WRITER_FOLDER"]
