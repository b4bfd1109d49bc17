"""A reward that lives behind an HTTP server."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from genrl.bounds import Count, Finite, Natural, Positive
from genrl.errors import RewardError
from genrl.registry import register
from genrl.rewards.failed import Failed
from genrl.rewards.remote.wire import VERSION, Failure, Health, Sample, ScoreAnswer, ScoreRequest
from genrl.rewards.transport import Endpoint, Unusable, printable
from genrl.rewards.transport.pictures import Encoding, encoded


@register("reward", "remote", needs="server to ask")
@dataclass(frozen=True)
class Remote(Endpoint):
    """Any reward served over HTTP, such as by `genrl serve-reward`, in an environment and on a machine of its own.

    What is sent and answered is JSON with a published schema; pictures travel as files, never as pickled objects.
    A row that gets no usable answer after all retries is `Failed`, never a number that somebody made up. What the server
    says is limited in size and time and is only ever read as numbers and as one short sentence.

    url: address of the server; /score and /health are appended.
    encoding: png and webp send exactly the 8-bit picture (webp is smaller and slower to make), jpeg (quality 95) a close
        copy in a fraction of the bytes, safetensors the floats themselves in 12 bytes a pixel.
    columns: columns of the prompts that are sent along. More let the reward see more, fewer keep more to yourself.
    batch_size: rows in one request. Up, fewer requests and a fuller GPU; down, a failure concerns fewer rows.
    concurrency: requests at once. Up hides the time on the wire, down spares a server with a short queue.
    timeout: seconds for one request, from connecting to the last byte. Up waits for slow servers (the first request may
        load a model), down notices a stalled one sooner.
    deadline: seconds for all rows of one call; what has no answer by then is failed. Up is more patient, down bounds the
        pause of the run.
    retries: attempts after the first one. Up survives longer outages, down gives up sooner.
    backoff: seconds before the first retry, doubled before each further one. Up spares the server, down is quicker.
    max_response_bytes: longer answers are refused. Up only for a server that answers at length; down costs nothing.
    api_key_env: name of the environment variable that holds a bearer token; the token itself is never written anywhere.
    bounds: (lowest, highest) score that is believed; null believes all numbers. Wider believes more, narrower less.
    """

    url: str = "http://127.0.0.1:8100"
    encoding: Encoding = "png"
    columns: tuple[str, ...] = ()
    batch_size: Count = 8
    concurrency: Count = 4
    timeout: Positive = 60.0
    deadline: Positive = 600.0
    retries: Natural = 5
    backoff: Positive = 0.5
    max_response_bytes: Count = 1 << 20
    api_key_env: str = ""
    bounds: tuple[Finite, Finite] | None = None

    async def __call__(self, prompts: list[str], completions: Tensor, **columns: Any) -> list[float | None | Failed]:
        missing = [name for name in self.columns if name not in columns]
        if missing:
            raise RewardError(f"The reward remote is to send the column {missing[0]!r}, which the prompts do not have.")
        extra = [{name: columns[name][row] for name in self.columns} for row in range(len(prompts))]

        async with self.client() as client:

            async def ask(rows: range) -> Sequence[float | None | Failed]:
                body = await asyncio.to_thread(self._body, rows, prompts, completions, extra)
                return _answers(await self.post(client, "/score", body, ScoreAnswer), len(rows))

            return await self.ask(ask, len(prompts), self.batch_size)

    @property
    def version(self) -> str:
        """Name and version of the reward behind the server, asked once a process; RewardError if nobody answers."""
        return _version(self.url, self.api_key_env)

    def check(self) -> None:
        """Raise RewardError unless the server answers GET /health and takes what would be sent."""
        health = self.health()
        if self.batch_size > health.max_batch:
            raise RewardError(
                f"{self.url} takes {health.max_batch} samples at once, but batch_size is {self.batch_size}; lower it to "
                f"{health.max_batch}, or start the server with --max-batch {self.batch_size}."
            )
        missing = sorted(set(health.columns) - set(self.columns))
        if missing:
            raise RewardError(
                f"The reward {printable(health.name)!r} at {self.url} needs the column {printable(missing[0])!r}; "
                "name it in the option columns."
            )

    def health(self) -> Health:
        """What GET /health says; RewardError if nothing does."""
        return self.get(
            "/health", Health, f"start it, as with `genrl serve-reward NAME`, or mend the option url (format {VERSION})."
        )

    def _body(self, rows: range, prompts: list[str], completions: Tensor, extra: list[dict[str, Any]]) -> bytes:
        try:
            samples = [Sample(prompt=prompts[row], columns=extra[row], **self._media(completions[row])) for row in rows]
        except ValidationError as error:
            raise RewardError(f"A column cannot be sent as JSON ({printable(str(error.errors()[0]['loc']))}).") from None
        return ScoreRequest(encoding=self.encoding, samples=samples).model_dump_json().encode()

    def _media(self, picture: Tensor) -> dict[str, Any]:
        if picture.ndim == 3:
            return {"image": self._file(picture)}
        return {"frames": [self._file(frame) for frame in picture]}

    def _file(self, picture: Tensor) -> str:
        return b64encode(encoded(picture, self.encoding)).decode()


@cache
def _version(url: str, api_key_env: str) -> str:
    health = Remote(url=url, api_key_env=api_key_env).health()
    return f"{printable(health.name)} {printable(health.version)}".strip()


def _answers(answer: ScoreAnswer, count: int) -> list[float | None | Failed]:
    if len(answer.scores) != count:
        raise Unusable(f"{len(answer.scores)} scores for {count} samples")
    return [
        Failed(f"the server: {printable(score.failed)}") if isinstance(score, Failure) else score for score in answer.scores
    ]
