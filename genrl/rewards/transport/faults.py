"""What can go wrong between a question and its answer: who is at fault decides what is tried next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from genrl.errors import RewardError

Model = TypeVar("Model", bound=BaseModel)

#: Answers that say "not now"; 408 and 425 are the client's to repeat as well.
LATER = frozenset({408, 425, 429, 502, 503, 504})
#: What a server says is repeated up to this many characters.
SHOWN = 200


class NoAnswer(Exception):  # noqa: N818
    """A question that was not answered; asked again it may be.

    after: seconds that the server wants to be left alone, 0 if it did not say.
    """

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


class Unavailable(NoAnswer):
    """The server is away or too busy, whatever it is asked."""


class Unusable(NoAnswer):
    """What came is no answer, or nothing came in time: one of the rows may be at fault, or their number."""


def check_status(status: int, body: bytes, location: str = "", after: str = "") -> None:
    """Nothing for 200; else the exception that fits. `after` is the header Retry-After.

    Raises RewardError for the statuses that say that the question itself is wrong, which asking again does not mend.
    """
    if status == 200:
        return
    what = f"status {status}: {said}" if (said := _sentence(body)) else f"status {status}"
    if status in LATER:
        raise Unavailable(what, float(after) if after.isascii() and after.isdigit() else 0.0)
    if 300 <= status < 400:
        raise Unusable(f"status {status}, a redirect to {printable(location)!r}, which is not followed")
    if 400 <= status < 500 and status != 413:
        raise RewardError(f"The server refuses the question ({what}); mend the options of the reward, or its server.")
    raise Unusable(what)


def parsed(model: type[Model], body: bytes) -> Model:
    """The JSON text as `model`; Unusable, with the first thing that is wrong, for any other."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise Unusable(f"not a {model.__name__} ({_place(first['loc'])}{printable(first['msg'])})") from None


def printable(text: str) -> str:
    """What a server said, short and without control characters, so that it cannot write to a terminal what it likes."""
    flat = "".join(c if c.isprintable() else " " for c in text[: 4 * SHOWN])
    flat = " ".join(flat.split())
    return flat if len(flat) <= SHOWN else f"{flat[: SHOWN - 3]}..."


def _sentence(body: bytes) -> str:
    """What the body of an error says: the text at one of the usual places in JSON, else the body itself."""
    try:
        found = from_json(body)
    except ValueError:
        return printable(body.decode("utf-8", "replace"))
    for name in ("error", "detail", "message"):
        if isinstance(found, dict) and name in found:
            found = found[name]
    return printable(found if isinstance(found, str) else body.decode("utf-8", "replace"))


def _place(location: Sequence[Any]) -> str:
    return f"{printable('.'.join(map(str, location)))}: " if location else ""
