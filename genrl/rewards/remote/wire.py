"""The wire format of remote rewards: what is sent to POST /score, what it and GET /health answer. All of it is JSON.

`schema.json` is made from these models, for servers and clients that are not written with this package.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, model_validator
from pydantic.json_schema import models_json_schema

from genrl.rewards.transport.pictures import Encoding

#: Changes when a server or a client of the former version would misunderstand.
VERSION: Literal[1] = 1
Version = Annotated[Literal[1], Field(description="Version of this format.")]
File = Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]


class _Part(BaseModel):
    # Strict: "0.5" is no number and 1 no text. What is not known is left alone, so that fields can be added.
    model_config = ConfigDict(strict=True)


class Sample(_Part):
    """One row: a prompt and its picture, or the frames of its video."""

    prompt: str
    image: File | None = Field(None, description="The picture, a file in the request's encoding; null for a video.")
    frames: list[File] | None = Field(None, min_length=1, description="The frames of a video, a file each.")
    columns: dict[str, JsonValue] = Field({}, description="Further columns of the prompt that the client chose to send.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Sample:
        if (self.image is None) == (self.frames is None):
            raise ValueError("a sample has either image or frames")
        return self


class ScoreRequest(_Part):
    """Body of POST /score. A safetensors file holds the tensor "pixels", (3, H, W) of floats in [0, 1]."""

    schema_version: Version = VERSION
    encoding: Encoding
    samples: list[Sample] = Field(min_length=1)


class Failure(_Part):
    """Stands where a sample could not be scored; its siblings are not concerned."""

    failed: str = Field(description="Why, in one sentence.")


class ScoreAnswer(_Part):
    """Answer to POST /score: one entry a sample, in their order; null where the reward does not apply."""

    schema_version: Version = VERSION
    scores: list[FiniteFloat | None | Failure]


class Health(_Part):
    """Answer to GET /health, given once the server can score."""

    schema_version: Version = VERSION
    name: str = Field(description="Name of the reward.")
    version: str = Field("", description="Checkpoint and revision, or package and version.")
    media: Literal["pil", "tensor"] = Field("pil", description="Whether it looks at 8-bit pictures or at floats.")
    bounds: tuple[FiniteFloat, FiniteFloat] | None = Field(None, description="Range of the scores, if declared.")
    columns: list[str] = Field([], description="Columns that every sample must have.")
    max_batch: int = Field(ge=1, description="Most samples in one request.")


class Refusal(_Part):
    """Body of every answer that is not 200."""

    error: str = Field(description="What is wrong, in one sentence.")


def json_schema() -> str:
    """The text of `schema.json`."""
    models: Any = [(ScoreRequest, "validation"), (ScoreAnswer, "validation"), (Health, "validation"), (Refusal, "validation")]
    _, schema = models_json_schema(models, title="genrl remote rewards", description=f"Wire format, version {VERSION}.")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema, indent=2) + "\n"
