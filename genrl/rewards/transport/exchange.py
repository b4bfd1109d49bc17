"""One question and its answer, within a time and a size whatever the server does."""

from __future__ import annotations

import asyncio

import httpx2

from genrl.errors import RewardError
from genrl.rewards.transport.faults import Unavailable, Unusable, check_status, printable

#: No compression: an answer is a few numbers, and what is not unpacked cannot explode.
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
#: Of an error page no more is read.
ERROR_BYTES = 4096


async def exchange(
    client: httpx2.AsyncClient, method: str, url: str, body: bytes | None, *, seconds: float, max_bytes: int
) -> bytes:
    """The body of a 200 answer, at most `max_bytes` long, that came whole within `seconds`.

    The time counts from connecting to the last byte, so that a server that sends a byte now and then gains nothing.
    Raises Unavailable or Unusable for what another attempt may mend, RewardError for what it cannot.
    """
    content = {} if body is None else {"Content-Type": "application/json"}
    try:
        async with (
            asyncio.timeout(seconds),
            client.stream(method, url, content=body, headers=HEADERS | content) as response,
        ):
            return await _body(response, max_bytes)
    except TimeoutError:
        raise Unusable(f"no answer within {seconds:g} s") from None
    except (httpx2.ConnectError, httpx2.ProxyError) as error:
        raise Unavailable(f"{type(error).__name__}, {printable(str(error))}") from None
    except (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol) as error:
        raise RewardError(f"The question cannot be sent ({printable(str(error))}); mend url or key.") from error
    except httpx2.TransportError as error:
        raise Unusable(f"{type(error).__name__}, {printable(str(error)) or 'the connection broke'}") from None


async def _body(response: httpx2.Response, max_bytes: int) -> bytes:
    if response.status_code != 200:
        headers = response.headers
        body = await _read(response, ERROR_BYTES, cut=True)
        check_status(response.status_code, body, headers.get("location", ""), headers.get("retry-after", ""))
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise Unusable(f"an answer compressed with {printable(encoding)!r}, though none was asked for")
    return await _read(response, max_bytes)


async def _read(response: httpx2.Response, limit: int, cut: bool = False) -> bytes:
    """The body as it came. Beyond `limit` the rest is left unread (`cut`) or the whole is refused."""
    found = bytearray()
    async for chunk in response.aiter_raw():
        found += chunk
        if len(found) > limit:
            if cut:
                break
            raise Unusable(f"an answer of more than {limit} bytes")
    return bytes(found[:limit])
