"""What a client must not do to a server: each attempt is refused with a sentence, and the next honest request is served."""

from __future__ import annotations

import base64
import io
import socket
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save

from genrl.serving import Limits
from tests.serving.serving import Served, served

GOOD = Image.new("RGB", (8, 8), "red")


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served("colorfulness", limits=Limits(max_batch=4, max_bytes=2**20, max_pixels=2**20, seconds=1.0)) as running:
        yield running
        assert running.request("/score", request(file(GOOD)))[0] == 200, "an honest request is still served"


def file(picture: Image.Image, encoding: str = "PNG", **options: Any) -> bytes:
    written = io.BytesIO()
    picture.save(written, encoding, **options)
    return written.getvalue()


def request(*files: bytes, encoding: str = "png", **changes: Any) -> dict[str, Any]:
    samples = [{"prompt": "a cat", "image": base64.b64encode(found).decode()} for found in files]
    return {"schema_version": 1, "encoding": encoding, "samples": samples} | changes


def bomb(side: int) -> bytes:
    """A PNG of side x side pixels, all black: about a thousandth of what it unpacks to."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(min(side, 4096) * 1000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def tensor(**tensors: torch.Tensor) -> bytes:
    return save(tensors)


MESSAGES: list[tuple[Any, int, str]] = [
    (b"no json", 422, "Invalid JSON"),
    (b"", 422, "Invalid JSON"),
    (b"[" * 100_000, 422, "recursion limit"),
    ([], 422, "should be an object"),
    ({}, 422, "encoding: Field required"),
    (request(), 422, "samples: List should have at least 1 item"),
    (request(file(GOOD), schema_version=2), 422, "schema_version: Input should be 1"),
    (request(file(GOOD), encoding="gif"), 422, "encoding: Input should be 'png', 'webp', 'jpeg' or 'safetensors'"),
    (request(samples=[{"prompt": 7, "image": ""}]), 422, "samples.0.prompt: Input should be a valid string"),
    (request(samples=[{"prompt": "a cat"}]), 422, "a sample has either image or frames"),
    (request(samples=[{"prompt": "a cat", "frames": []}]), 422, "frames: List should have at least 1 item"),
    (request(samples=[{"prompt": "a cat", "image": "*"}]), 422, "no base64"),
    (request(samples=[{"prompt": "a cat", "image": "", "columns": {"completions": 1}}]), 422, "rename it"),
    (request(b"no picture"), 422, "no readable png file"),
    (request(file(GOOD)[:-30]), 422, "no readable png file"),
    (request(file(GOOD, "BMP")), 422, "no readable png file"),
    (request(file(GOOD, "JPEG")), 422, "no readable png file"),
    (request(file(Image.new("I;16", (8, 8)))), 422, "mode I;16; send RGB"),
    (request(file(GOOD), file(GOOD.resize((9, 8)))), 422, "must have one size"),
    (request(*[file(GOOD)] * 5), 413, "holds 5 samples; send at most 4"),
    (request(bomb(30_000)), 422, "decompression bomb"),
    (request(bomb(5000)), 413, "more than 1048576 pixels"),
    (request(file(Image.new("L", (600, 600))), *[file(Image.new("L", (600, 600)))] * 2), 413, "more than 1048576 pixels"),
    (request(file(GOOD), junk="x" * 2**20), 413, "longer than 1048576 bytes"),
    (request(b"\x80\x04}.", encoding="safetensors"), 422, "no readable safetensors file"),
    (request(struct.pack("<Q", 2**60) + b"{}", encoding="safetensors"), 422, "no readable safetensors file"),
    (request(tensor(other=torch.zeros(3, 2, 2)), encoding="safetensors"), 422, "must hold 'pixels', floats"),
    (request(tensor(pixels=torch.zeros(4, 2, 2)), encoding="safetensors"), 422, "must hold 'pixels', floats"),
    (request(tensor(pixels=torch.zeros(3, 0, 2)), encoding="safetensors"), 422, "must hold 'pixels', floats"),
    (request(tensor(pixels=torch.zeros(3, 2, 2).byte()), encoding="safetensors"), 422, "must hold 'pixels', floats"),
    (request(tensor(pixels=torch.full((3, 2, 2), 1.5)), encoding="safetensors"), 422, "must lie in [0, 1]"),
    (request(tensor(pixels=torch.full((3, 2, 2), torch.nan)), encoding="safetensors"), 422, "must lie in [0, 1]"),
]


@pytest.mark.parametrize(("body", "status", "message"), MESSAGES, ids=[message for _, _, message in MESSAGES])
def test_refused(server: Served, body: Any, status: int, message: str) -> None:
    found, answer = server.request("/score", body)
    assert message in answer["error"]
    assert found == status


@pytest.mark.parametrize("picture", [file(GOOD), file(GOOD, "WEBP", lossless=True), file(GOOD.convert("RGBA"))])
def test_honest_requests(server: Served, picture: bytes) -> None:
    encoding = "webp" if picture.startswith(b"RIFF") else "png"
    status, answer = server.request("/score", request(picture, encoding=encoding))
    assert status == 200
    assert answer["scores"] == [pytest.approx(0.3 * 1.25**0.5)]  # colourfulness of pure red


def test_other_paths_methods_and_types(server: Served) -> None:
    assert server.request("/other")[0] == 404
    assert server.request("/score") == (405, {"error": "Method Not Allowed; there are POST /score and GET /health."})
    status, answer = server.request("/score", request(file(GOOD)), {"Content-Type": "text/plain"})
    assert (status, "Content-Type: application/json" in answer["error"]) == (415, True)


def test_a_body_without_a_length_is_cut_off(server: Served) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = "POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        try:
            for _ in range(1000):
                connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
        except ConnectionError:
            return  # closed before all was sent: just as well
        assert b"413" in connection.recv(4096)


def test_a_body_that_does_not_come_frees_its_place(server: Served) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
        assert b"408" in connection.recv(4096).split(b"\r\n")[0]


def test_keys() -> None:
    with served("colorfulness", key="abc") as server:
        assert server.request("/health")[0] == 401
        assert server.request("/score", request(file(GOOD)), {"Authorization": "Bearer abd"})[0] == 401
        assert server.request("/score", request(file(GOOD)), {"Authorization": "Bearer ä"})[0] == 401
        assert server.request("/score", request(file(GOOD)), {"Authorization": "Bearer abc"})[0] == 200
