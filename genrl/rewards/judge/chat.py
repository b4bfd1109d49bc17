"""The part of the chat-completions format that is used: what is sent, and what is read of the answer."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field, FiniteFloat
from torch import Tensor

from genrl.rewards.transport.pictures import Encoding, encoded

#: How many alternatives of each token are asked for: the most that servers commonly allow.
ALTERNATIVES = 20


class Alternative(BaseModel):
    """A token that could have come, and the logarithm of its probability."""

    token: str
    logprob: Annotated[FiniteFloat, Field(le=0.01)]  # above 0 by no more than rounding


class Token(BaseModel):
    """A token of the answer."""

    token: str
    top_logprobs: list[Alternative] = []


class LogProbs(BaseModel):
    """The tokens of the answer."""

    content: list[Token] | None = None


class Message(BaseModel):
    """What the model says; none if it used up its tokens on thoughts, or refused."""

    content: str | None = None


class Choice(BaseModel):
    """One answer."""

    message: Message
    finish_reason: str | None = None
    logprobs: LogProbs | None = None


class Completion(BaseModel):
    """Answer to POST /chat/completions."""

    choices: list[Choice] = Field(min_length=1)


class ModelCard(BaseModel):
    """A model that the server has."""

    id: str


class ModelList(BaseModel):
    """Answer to GET /models."""

    data: list[ModelCard]


def question(text: str, frames: Sequence[Tensor], encoding: Encoding, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The body of POST /chat/completions: the pictures as data URLs, then the text. Settings of None are left out."""
    pictures = [{"type": "image_url", "image_url": {"url": _data_url(frame, encoding)}} for frame in frames]
    message = {"role": "user", "content": [*pictures, {"type": "text", "text": text}]}
    return {"messages": [message]} | {name: value for name, value in settings.items() if value is not None}


def evenly(picture: Tensor, count: int) -> list[Tensor]:
    """A picture (3, H, W), or `count` frames of a video (F, 3, H, W): the middles of equal parts of it."""
    if picture.ndim == 3:
        return [picture]
    total = len(picture)
    count = min(count, total)
    return [picture[(2 * part + 1) * total // (2 * count)] for part in range(count)]


def _data_url(picture: Tensor, encoding: Encoding) -> str:
    return f"data:image/{encoding};base64,{b64encode(encoded(picture, encoding)).decode()}"
