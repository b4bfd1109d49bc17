"""A reward server and a judge that misbehave in every way we could think of, in a process of their own.

    python faulty_server.py --faults 0.2 --stall 1.0

Prints its port. Each picture is one flat colour that spells its number, and its prompt says the same number, so a score that
belongs to another row, or to a picture that was damaged on the way, is seen. Which questions are answered badly is drawn from
the question and from how often it came: the faults of a run are the same every time.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gzip
import io
import json
import random
import socket
import struct
import urllib.parse
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from PIL import Image

#: A prompt that ends in these words and the name of a fault is answered with it every time.
POISON = " poison "


def score(number: int) -> float | None:
    """What row `number` is worth: never 0, in (0, 1), and None for every fiftieth."""
    return None if number % 50 == 7 else (number % 9973 + 1) / 10000


def number_of(file: bytes) -> int:
    red, green, blue = Image.open(io.BytesIO(file)).convert("RGB").getpixel((3, 3))
    return red + 256 * green + 65536 * blue


class Misuse(Exception):
    """A question that the client should never have sent."""


class FaultyServer:
    def __init__(self, faults: float, stall: float, seed: int) -> None:
        self.rate, self.stall, self.seed = faults, stall, seed
        self.seen: Counter[str] = Counter()
        self.done: Counter[str] = Counter()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Questions on one connection, until it ends."""
        try:
            while True:
                method, path, body, cookie = await read_request(reader)
                self.done["sent a cookie"] += cookie
                if not await self.answer(writer, method, path, body):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, writer: asyncio.StreamWriter, method: str, path: str, body: bytes) -> bool:
        """Answer one question; False if the connection is spoilt."""
        if path.startswith("/trap"):
            self.done["followed a redirect"] += 1
        if method == "GET":
            facts = {
                "/health": {"name": "faulty", "version": "7", "max_batch": 64},
                "/v1/models": {"data": [{"id": "faulty-vl"}]},
                "/stats": dict(self.done),
            }
            return await send(writer, json.dumps(facts[path]).encode())
        if path == "/honest/v1/chat/completions":
            return await send(writer, json.dumps(honest(json.loads(body))).encode())
        try:
            good, names = (judged if path == "/v1/chat/completions" else scored)(json.loads(body))
        except Misuse as error:
            return await send(writer, json.dumps({"error": str(error)}).encode(), status=422)
        fault = self.fault(path, names)
        if fault is None:
            self.done["good"] += 1
            return await send(writer, json.dumps(good).encode())
        self.done[fault] += 1
        return await FAULTS[fault](self, writer, good)

    def fault(self, path: str, names: str) -> str | None:
        if POISON in names:
            return names.split(POISON)[1].split(".")[0]
        self.seen[names] += 1
        draw = random.Random(f"{self.seed} {path} {names} {self.seen[names]}")
        if draw.random() >= self.rate:
            return None
        return draw.choice(sorted(FAULTS.keys() - (JUDGE_ONLY if path == "/score" else SCORE_ONLY)))


async def read_request(reader: asyncio.StreamReader) -> tuple[str, str, bytes, bool]:
    """Method, path, body, and whether there was a cookie."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    method, path, _ = head.split(" ", 2)
    lengths = [line.split(":")[1] for line in head.lower().split("\r\n") if line.startswith("content-length")]
    body = await reader.readexactly(int(lengths[0]) if lengths else 0)
    return method, urllib.parse.unquote(path), body, "\r\ncookie:" in head.lower()


async def send(writer: asyncio.StreamWriter, body: bytes, status: int = 200, *headers: str, length: int | None = None) -> bool:
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", "Set-Cookie: a=b", *headers]
    lines.append(f"Content-Length: {length or len(body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await writer.drain()
    return length is None


# The good answers


def scored(request: dict[str, Any]) -> tuple[dict[str, Any], str]:
    scores = []
    for sample in request["samples"]:
        numbers = {number_of(base64.b64decode(file)) for file in sample["frames"] or [sample["image"]]}
        if sample["prompt"].split()[0] != "row" or numbers != {int(sample["prompt"].split()[1])}:
            raise Misuse(f"prompt {sample['prompt']!r} came with picture {numbers}")
        scores.append(score(*numbers))
    return {"schema_version": 1, "scores": scores}, "; ".join(f"{s['prompt']}." for s in request["samples"])


def judged(request: dict[str, Any]) -> tuple[dict[str, Any], str]:
    *pictures, text = request["messages"][0]["content"]
    numbers = {number_of(base64.b64decode(p["image_url"]["url"].split("base64,")[1])) for p in pictures}
    (prompt,) = [line for line in text["text"].split("\n") if line.startswith("row ")]
    if numbers != {int(prompt.split()[1])} or request["model"] != "faulty-vl":
        raise Misuse(f"prompt {prompt!r} came with picture {numbers}")
    (number,) = numbers
    value = score(number) or 0.5
    says = [f'{{"score": {10 * value}}}', f'It is fine.\n```json\n{{"score": {10 * value}, "why": {{}}}}\n```'][number % 2]
    return completion(says, value if request.get("logprobs") else None), f"{prompt}."


def honest(request: dict[str, Any]) -> dict[str, Any]:
    """A judge of any picture: how red its one pixel is."""
    picture, _ = request["messages"][0]["content"]
    red = number_of(base64.b64decode(picture["image_url"]["url"].split("base64,")[1])) % 256
    return completion(json.dumps({"score": red / 25.5}))


def completion(says: Any, yes: float | None = None) -> dict[str, Any]:
    choice: dict[str, Any] = {"message": {"role": "assistant", "content": says}, "finish_reason": "stop"}
    if yes is not None:
        from math import log

        top = [{"token": "Yes", "logprob": log(yes * 0.9)}, {"token": " no", "logprob": log((1 - yes) * 0.9)}]
        choice["logprobs"] = {"content": [{"token": "Yes", "logprob": -0.1, "top_logprobs": top}]}
    return {"id": "x", "object": "chat.completion", "choices": [choice]}


# The bad ones


def instead(text: str | bytes, status: int = 200, *headers: str) -> Callable[..., Awaitable[bool]]:
    async def fault(server: FaultyServer, writer: asyncio.StreamWriter, good: dict[str, Any]) -> bool:
        return await send(writer, text.encode() if isinstance(text, str) else text, status, *headers)

    return fault


def scores(change: Callable[[list[Any]], Any]) -> Callable[..., Awaitable[bool]]:
    async def fault(server: FaultyServer, writer: asyncio.StreamWriter, good: dict[str, Any]) -> bool:
        changed = {"scores": change(good["scores"])} if "scores" in good else completion("nothing of use")
        return await send(writer, json.dumps(changed).encode())

    return fault


async def stall(server: FaultyServer, writer: asyncio.StreamWriter, good: dict[str, Any]) -> bool:
    await asyncio.sleep(server.stall)
    return await send(writer, json.dumps(good).encode())


async def drip(server: FaultyServer, writer: asyncio.StreamWriter, good: dict[str, Any]) -> bool:
    """A byte now and then: no single read ever times out."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(100):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(server.stall / 10)
    return False


async def truncate(server: FaultyServer, writer: asyncio.StreamWriter, good: dict[str, Any]) -> bool:
    body = json.dumps(good).encode()
    return await send(writer, body[: len(body) // 2], length=len(body))


async def reset(server: FaultyServer, writer: asyncio.StreamWriter, good: dict[str, Any]) -> bool:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


async def flood(server: FaultyServer, writer: asyncio.StreamWriter, good: dict[str, Any]) -> bool:
    """A gigabyte, or as much as the client takes."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(16384):
        writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
        await writer.drain()
        server.done["flooded bytes"] += 65536
    return False


async def garble(server: FaultyServer, writer: asyncio.StreamWriter, good: dict[str, Any]) -> bool:
    writer.write(b"SSH-2.0-OpenSSH\r\n\x00\xff\r\n\r\n")
    await writer.drain()
    return False


async def headers(server: FaultyServer, writer: asyncio.StreamWriter, good: dict[str, Any]) -> bool:
    """Headers without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for index in range(100_000):
        writer.write(f"X-{index}: {'x' * 1000}\r\n".encode())
        await writer.drain()
    return False


FAULTS: dict[str, Callable[..., Awaitable[bool]]] = {
    "status-500": instead('{"error": "out of memory \\u001b[31m"}', 500),
    "status-503": instead('{"error": "busy"}', 503, "Retry-After: 0"),
    "status-429": instead("slow down", 429),
    "status-204": instead("", 204),
    "stall": stall,
    "drip": drip,
    "truncate": truncate,
    "reset": reset,
    "flood": flood,
    "garble": garble,
    "headers": headers,
    "html": instead("<html>502 Bad Gateway</html>"),
    "empty": instead(""),
    "binary": instead(bytes(range(256))),
    "deep": instead("[" * 200_000),
    "digits": instead('{"scores": [' + "9" * 100_000 + "]}"),
    "gzip": instead(gzip.compress(bytes(50_000_000)), 200, "Content-Encoding: gzip"),
    "pickle": instead(b"cposix\nsystem\n(S'touch executed'\ntR."),
    "redirect-file": instead("", 302, "Location: file:///etc/passwd"),
    "redirect-http": instead("", 307, "Location: /trap"),
    "nan": scores(lambda given: [float("nan"), *given[1:]]),
    "infinity": scores(lambda given: [*given[:-1], float("inf")]),
    "text": scores(lambda given: [str(value) for value in given]),
    "bool": scores(lambda given: [True for _ in given]),
    "short": scores(lambda given: given[:-1]),
    "long": scores(lambda given: [*given, 0.0]),
    "no-list": scores(lambda given: 0.0),
    "nested": scores(lambda given: [given]),
    "prose": instead(json.dumps(completion("I would give it seven out of ten."))),
    "outside": instead(json.dumps(completion('{"score": 11}'))),
    "below": instead(json.dumps(completion('{"score": -0.1}'))),
    "score-nan": instead(json.dumps(completion('{"score": NaN}'))),
    "score-null": instead(json.dumps(completion('{"score": null}'))),
    "no-text": instead(json.dumps(completion(None))),
    "no-choice": instead('{"choices": []}'),
    "loud": instead(json.dumps(completion("x", 0.5)).replace("-0.7", "900.0")),
}
JUDGE_ONLY = frozenset({"prose", "outside", "below", "score-nan", "score-null", "no-text", "no-choice", "loud"})
SCORE_ONLY = frozenset({"infinity", "text", "bool", "short", "long", "no-list", "nested"})


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--stall", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    server = FaultyServer(options.faults, options.stall, options.seed)
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0, limit=1 << 20)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
