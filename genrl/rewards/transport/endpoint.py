"""What every reward behind a server has: an address, a key, and how long and how often it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, ClassVar

import httpx2

from genrl.bounds import Count, Natural, Positive
from genrl.errors import RewardError
from genrl.registry import component_name
from genrl.rewards.transport.address import authorization, check_address, is_loopback
from genrl.rewards.transport.batches import Ask, Effort, ask_in_batches
from genrl.rewards.transport.exchange import exchange
from genrl.rewards.transport.faults import Model, NoAnswer, parsed


@dataclass(frozen=True)
class Endpoint:
    """The fields that rewards behind a server share; their docstrings say what each does."""

    url: str = ""
    api_key_env: str = ""
    concurrency: Count = 4
    timeout: Positive = 60.0
    deadline: Positive = 600.0
    retries: Natural = 5
    backoff: Positive = 0.5
    max_response_bytes: Count = 1 << 20
    media: ClassVar[str] = "tensor"

    def __post_init__(self) -> None:
        check_address(self.url, component_name(self))

    def client(self) -> httpx2.AsyncClient:
        """A client for one call, to be closed by `async with`: it belongs to the event loop that opens it."""
        return httpx2.AsyncClient(
            headers=authorization(self.api_key_env, component_name(self)),
            timeout=None,  # `exchange` bounds the whole
            limits=httpx2.Limits(max_connections=self.concurrency, max_keepalive_connections=self.concurrency),
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # takes none, or they would pile up
            trust_env=not is_loopback(self.url),
        )

    async def post(self, client: httpx2.AsyncClient, path: str, body: bytes, model: type[Model]) -> Model:
        """The answer to one question, as `exchange` gives it."""
        return parsed(model, await self._exchange(client, "POST", path, body))

    def get(self, path: str, model: type[Model], cure: str) -> Model:
        """The answer to one question before the run; RewardError, ending with `cure`, for whatever is wrong."""

        async def once() -> Model:
            async with self.client() as client:
                return parsed(model, await self._exchange(client, "GET", path, None))

        try:
            return _run(once())
        except NoAnswer as error:
            raise RewardError(f"{self._place(path)} gives no answer that can be used ({error}); {cure}") from None
        except RewardError as error:
            raise RewardError(f"{self._place(path)}: {error}") from None

    async def ask(self, ask: Ask, count: int, size: int = 1) -> list[Any]:
        """One answer a row, as `ask_in_batches` gives it."""
        effort = Effort(self.concurrency, self.deadline, self.retries, self.backoff)
        return await ask_in_batches(ask, count, size, effort)

    async def _exchange(self, client: httpx2.AsyncClient, method: str, path: str, body: bytes | None) -> bytes:
        place = self._place(path)
        return await exchange(client, method, place, body, seconds=self.timeout, max_bytes=self.max_response_bytes)

    def _place(self, path: str) -> str:
        return self.url.rstrip("/") + path


def _run(coroutine: Coroutine[Any, Any, Model]) -> Model:
    """Its result, also where an event loop runs already, as in a notebook."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
