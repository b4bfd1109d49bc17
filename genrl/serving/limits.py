"""What a request may cost the server."""

from __future__ import annotations

from dataclasses import dataclass

from genrl.bounds import Count, Positive


class Refused(Exception):  # noqa: N818
    """A request that is not served: the HTTP status and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """Bounds that are checked before the thing they bound is made.

    max_batch: samples in one request. Up fills a GPU better, down needs less memory.
    max_bytes: length of a request's body. Up lets more and larger pictures in, down bounds what a client can fill.
    max_pixels: pixels of all pictures of a request together, read off the files' headers, so that a small file cannot
        unpack into a large picture. Up and down as max_bytes.
    concurrency: requests that are scored at once. 1 is right for a network on a GPU; up helps rewards that wait.
    waiting: requests that may be read or wait meanwhile; more are told to come back (503). Up queues longer and may hold
        as many bodies in memory.
    seconds: time in which a body has to arrive. Up is for slow lines, down frees the place of a client that stalls.
    """

    max_batch: Count = 32
    max_bytes: Count = 256 * 2**20
    max_pixels: Count = 64 * 2**20
    concurrency: Count = 1
    waiting: Count = 16
    seconds: Positive = 60.0
