"""The ASGI application: POST /score and GET /health, in the format of `genrl.rewards.remote.wire`."""

from __future__ import annotations

import asyncio
import hmac
import logging
from typing import Any

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from genrl.rewards.remote.wire import Refusal
from genrl.serving.limits import Limits, Refused
from genrl.serving.service import RewardService

#: What a client that is told to come back should wait, in seconds.
COME_BACK = {"Retry-After": "1"}
#: Bytes beyond the longest body that are read and thrown away before the connection is closed.
SURPLUS = 16 * 2**20
_LOG = logging.getLogger("uvicorn.error")  # the one that uvicorn shows


def build_app(service: RewardService, key: str = "") -> Starlette:
    """The application; with `key`, only for requests that carry it as bearer token."""
    desk = _Desk(service, key)
    return Starlette(
        routes=[Route("/health", desk.health, methods=["GET"]), Route("/score", desk.score, methods=["POST"])],
        exception_handlers={Refused: _refused, HTTPException: _not_here, Exception: _broken},
    )


class _Desk:
    """Who may ask, and in which order. While one request is scored the next is unpacked."""

    def __init__(self, service: RewardService, key: str) -> None:
        self.service, self.key = service, key.encode()
        self.places = service.limits.concurrency + service.limits.waiting
        self.unpacking = asyncio.Semaphore(service.limits.concurrency + 1)
        self.scoring = asyncio.Semaphore(service.limits.concurrency)

    async def health(self, request: Request) -> Response:
        self._check_key(request)
        return _json(self.service.health)

    async def score(self, request: Request) -> Response:
        self._check_key(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused(415, "The body must be JSON, and say so: Content-Type: application/json.")
        if self.places == 0:
            raise Refused(503, "Too many requests are waiting; come back in a moment.")
        self.places -= 1
        try:
            body = await _body(request, self.service.limits)
            async with self.unpacking:
                prompts, pixels = await run_in_threadpool(self.service.read, body)
                async with self.scoring:
                    return _json(await run_in_threadpool(self.service.score, prompts, pixels))
        finally:
            self.places += 1

    def _check_key(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if self.key and not hmac.compare_digest(given, b"Bearer " + self.key):
            raise Refused(401, "The key is missing or wrong; send it as `Authorization: Bearer KEY`.")


async def _body(request: Request, limits: Limits) -> bytes:
    """The body, refused if it is too long or too slow. A little too much is read to its end, for only then does the client
    hear why; it is not kept."""
    too_long = Refused(413, f"The body is longer than {limits.max_bytes} bytes; send fewer or smaller pictures.")
    found, length = bytearray(), 0
    try:
        async with asyncio.timeout(limits.seconds):
            async for chunk in request.stream():
                length += len(chunk)
                if length <= limits.max_bytes:
                    found += chunk
                elif length > limits.max_bytes + SURPLUS:
                    raise too_long
    except TimeoutError:
        raise Refused(408, f"The body did not arrive within {limits.seconds:g} s.") from None
    except ClientDisconnect:
        raise Refused(400, "The client left before its request was read.") from None
    if length > limits.max_bytes:
        raise too_long
    return bytes(found)


def _json(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(model.model_dump_json(), status, headers, "application/json")


async def _refused(request: Request, error: Any) -> Response:
    if error.status == 500:  # the reward broke: its author wants to know where
        _LOG.error("%s", error, exc_info=error.__cause__)
    return _json(Refusal(error=str(error)), error.status, COME_BACK if error.status == 503 else None)


async def _not_here(request: Request, error: Any) -> Response:
    return _json(Refusal(error=f"{error.detail}; there are POST /score and GET /health."), error.status_code)


async def _broken(request: Request, error: Any) -> Response:
    # Starlette raises it again for the log, where the traceback belongs; the client learns the kind.
    return _json(Refusal(error=f"The server failed ({type(error).__name__}); its log says more."), 500)
