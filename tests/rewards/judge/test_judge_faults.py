"""A judge that talks nonsense, stalls or fails: each row gets its own score or a typed failure, never a zero."""

from __future__ import annotations

import asyncio

import pytest

from genrl.errors import RewardError
from genrl.rewards import Failed, VlmJudge
from genrl.testing import assert_conforms, check_component
from tests.rewards.faulty import FAULTS, SCORE_ONLY, faulty, pictures, prompts, score

TIMEOUT = 1.0


def judge(url: str, **fields) -> VlmJudge:
    usual = {"model": "faulty-vl", "timeout": TIMEOUT, "backoff": 0.01, "retries": 9}
    return VlmJudge(url=f"{url}/v1", **{**usual, **fields})


def ask(reward: VlmJudge, numbers, poison=None, frames=None):
    return asyncio.run(reward(prompts(numbers, poison), pictures(numbers, frames)))


def expected(numbers) -> list:
    return [pytest.approx(score(number) or 0.5, abs=1e-12) for number in numbers]


@pytest.mark.parametrize("mode", ["score", "yesno"])
def test_150_samples_with_20_percent_faults(mode: str) -> None:
    with faulty(faults=0.2, stall=2 * TIMEOUT, seed=1) as server:
        found = ask(judge(server.url, mode=mode), range(150))
        stats = server.stats()
    assert found == expected(range(150))
    assert "followed a redirect" not in stats
    assert sum(stats.get(name, 0) for name in FAULTS) > 20


@pytest.mark.slow  # 16 s each
@pytest.mark.parametrize("mode", ["score", "yesno"])
def test_5000_samples_with_20_percent_faults(mode: str) -> None:
    with faulty(faults=0.2, stall=2 * TIMEOUT, seed=1) as server:
        assert ask(judge(server.url, mode=mode, concurrency=16), range(5000)) == expected(range(5000))


@pytest.fixture(scope="module")
def server():
    with faulty(stall=30.0) as running:
        yield running


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - SCORE_ONLY))
def test_a_bad_answer_is_asked_for_again_and_then_failed(server, fault: str) -> None:
    before = server.stats().get(fault, 0)
    fields = {"mode": "yesno" if fault == "loud" else "score", "timeout": 0.5 if fault in ("stall", "drip") else 30.0}
    found = ask(judge(server.url, retries=1, **fields), range(4), {2: fault})
    assert isinstance(found[2], Failed)
    assert found[2].reason.endswith("(asked 2 times)")
    assert server.stats()[fault] == before + 2
    assert [found[0], found[1], found[3]] == expected([0, 1, 3])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("prose", "no score in [0, 10]: 'I would give it seven out of ten.'"),
        ("outside", """a score outside in [0, 10]: '{"score": 11}'"""),
        ("no-text", "no text (finish_reason stop)"),
        ("no-choice", "not a Completion (choices: List should have at least 1 item after validation, not 0)"),
    ],
)
def test_reasons(server, fault: str, reason: str) -> None:
    (failed,) = ask(judge(server.url, retries=0), [0], {0: fault})
    assert failed == Failed(f"{reason} (asked 1 times)")


def test_videos_are_judged_by_their_frames(server) -> None:
    assert ask(judge(server.url, frames=3), [5, 6], frames=8) == expected([5, 6])


def test_a_judge_conforms(server) -> None:
    assert_conforms(check_component(VlmJudge(url=f"{server.url}/honest/v1", model="faulty-vl")))


def test_misuse_stops_at_once(server) -> None:
    with pytest.raises(RewardError, match="refuses the question .*came with picture"):
        ask(judge(server.url, model="another"), [1])


def test_check_knows_the_models(server) -> None:
    judge(server.url).check()
    assert judge(server.url).version == "faulty-vl"
    with pytest.raises(RewardError, match="has no model 'faulty-v'; did you mean 'faulty-vl'"):
        judge(server.url, model="faulty-v").check()
    with pytest.raises(RewardError, match=r"needs the option model; `curl .*/v1/models`"):
        judge(server.url, model="").check()
    with pytest.raises(RewardError, match=r"127.0.0.1:9/v1/models gives no answer that can be used .*; start the server"):
        judge("http://127.0.0.1:9").check()
