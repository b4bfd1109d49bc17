"""Whatever a server does, each row gets its own score or a typed failure: none is lost, zeroed or moved."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import tracemalloc

import pytest

from genrl.errors import RewardError
from genrl.rewards import Failed, Remote
from tests.rewards.faulty import FAULTS, JUDGE_ONLY, faulty, pictures, prompts, score

#: Seconds for one question.
TIMEOUT = 1.0
#: Faults that say "come back", and so are answered for the batch as it is.
LATER = {"status-503", "status-429"}
#: Faults that only a timeout ends.
SLOW = {"stall", "drip"}


def remote(url: str, **fields) -> Remote:
    return Remote(url=url, **{"timeout": TIMEOUT, "backoff": 0.01, "retries": 9, "concurrency": 8, **fields})


def ask(reward: Remote, numbers, poison=None, frames=None):
    return asyncio.run(reward(prompts(numbers, poison), pictures(numbers, frames)))


def score_under_faults(count: int) -> dict[str, int]:
    """How often each fault happened; every fifth question of two samples is answered badly."""
    with faulty(faults=0.2, stall=2 * TIMEOUT) as server:
        found = ask(remote(server.url, batch_size=2), range(count))
        stats = server.stats()
    assert found == [score(number) for number in range(count)]
    assert "followed a redirect" not in stats
    assert stats["sent a cookie"] == 0
    bad = sum(stats.get(name, 0) for name in FAULTS)
    assert 0.17 < bad / (bad + stats["good"]) < 0.25
    return stats


def test_500_samples_with_20_percent_faults() -> None:
    score_under_faults(500)


@pytest.mark.slow  # 20 s
def test_10000_samples_with_20_percent_faults() -> None:
    stats = score_under_faults(10_000)
    assert stats.keys() >= FAULTS.keys() - JUDGE_ONLY, "every fault happened"


@pytest.fixture(scope="module")
def server():
    """Answers well unless the prompt is poisoned."""
    with faulty(stall=30.0) as running:
        yield running


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - JUDGE_ONLY - LATER))
def test_a_bad_row_takes_no_other_with_it(server, fault: str) -> None:
    timeout = 0.5 if fault in SLOW else 30.0
    found = ask(remote(server.url, retries=1, timeout=timeout), range(4), {2: fault})
    bad = found.pop(2)
    assert found == [score(number) for number in (0, 1, 3)]
    assert isinstance(bad, Failed)
    assert bad.reason.endswith("(asked 2 times)")
    assert bad.reason.isprintable()


@pytest.mark.parametrize("fault", sorted(LATER))
def test_a_busy_server_is_asked_again_with_the_same_rows(server, fault: str) -> None:
    before = server.stats().get(fault, 0)
    found = ask(remote(server.url, retries=2, batch_size=4), range(8), {3: fault})
    assert server.stats()[fault] == before + 3
    assert found[4:] == [score(number) for number in range(4, 8)]
    assert all(isinstance(failed, Failed) and f"status {fault[-3:]}" in failed.reason for failed in found[:4])


def test_reasons_say_what_the_server_said_without_its_control_characters(server) -> None:
    (failed,) = ask(remote(server.url, retries=0), [0], {0: "status-500"})
    assert failed == Failed("status 500: out of memory [31m (asked 1 times)")
    (failed,) = ask(remote(server.url, retries=0), [0], {0: "redirect-file"})
    assert failed == Failed("status 302, a redirect to 'file:///etc/passwd', which is not followed (asked 1 times)")
    (failed,) = ask(remote(server.url, retries=0), [0], {0: "binary"})
    assert failed.reason.startswith("not a ScoreAnswer (Invalid JSON")


def test_videos_and_columns_that_do_not_apply(server) -> None:
    assert ask(remote(server.url), [7, 8], frames=3) == [None, score(8)]


def test_misuse_stops_at_once(server) -> None:
    before = server.stats().get("good", 0)
    with pytest.raises(RewardError, match="refuses the question .*came with picture"):
        asyncio.run(remote(server.url)(prompts([1, 2]), pictures([2, 1])))
    assert server.stats().get("good", 0) == before


@pytest.mark.parametrize("fault", ["flood", "gzip", "deep", "digits", "headers"])
def test_memory_is_bounded(server, fault: str) -> None:
    tracemalloc.start()
    try:
        (failed,) = ask(remote(server.url, retries=0, timeout=10.0), [0], {0: fault})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(failed, Failed)
    assert peak < 8 * 2**20
    assert server.stats().get("flooded bytes", 0) < 2**28, "the connection was not closed"


def test_a_server_that_is_away_fails_every_row() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = ask(remote(f"http://127.0.0.1:{port}", retries=1), range(20))
    assert len(found) == 20
    assert all("ConnectError" in failed.reason for failed in found)


def test_a_server_that_comes_up_late_is_waited_for() -> None:
    running = []

    def start() -> None:
        time.sleep(0.5)
        running.append(socket.create_server(("127.0.0.1", port)))
        connection, _ = running[0].accept()
        running.append(connection)
        connection.recv(1 << 20)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"scores": [0.5]}')

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    thread = threading.Thread(target=start)
    thread.start()
    try:
        assert ask(remote(f"http://127.0.0.1:{port}", timeout=5.0, backoff=0.1), [0]) == [0.5]
    finally:
        thread.join()
        for opened in running:
            opened.close()


def test_deadline_bounds_the_whole_call(server) -> None:
    reward = remote(server.url, timeout=30.0, deadline=2.0, batch_size=1)
    began = time.perf_counter()
    found = ask(reward, range(6), {2: "stall", 4: "drip"})
    assert time.perf_counter() - began < 15.0
    failed = Failed("no answer within the deadline of 2 s")
    assert found == [failed if number in (2, 4) else score(number) for number in range(6)]
