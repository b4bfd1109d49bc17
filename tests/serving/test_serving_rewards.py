"""A served reward answers what it answers here, whatever its form, over a real connection to a real process."""

from __future__ import annotations

import asyncio
import signal
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from genrl.config.rewards import parse_rewards
from genrl.errors import RewardError
from genrl.rewards import Failed, JpegSize, Remote, RewardPanel, RewardTerm, resolve_reward
from genrl.rewards.transport.pictures import encoded
from genrl.serving import RewardService
from genrl.testing import assert_conforms, check_component
from genrl.types import Prompt
from tests.serving.serving import Served, served, served_apart

REWARDS = '''
import time
from dataclasses import dataclass
from pathlib import Path

from genrl.rewards import Failed


def by_answer(prompts, completions, answer):
    return [{"one": 1.0, "none": None, "failed": Failed("no idea")}.get(a, 0.5) for a in answer]

by_answer.bounds = (0.0, 1.0)
by_answer.version = "3"


def moody(prompts, completions):
    """Wrong in another way for each prompt."""
    if "raise" in prompts:
        raise ValueError("out of memory")
    return [{"nan": float("nan"), "two": 2.0}.get(prompt, 0.25) for prompt in prompts]

moody.bounds = (0.0, 1.0)


async def later(prompts, completions):
    return [float(len(prompt)) for prompt in prompts]


def compares(prompts, completions, groups):
    return groups

compares.group_wise = True


def of_latents(prompts, completions):
    return [0.0] * len(prompts)

of_latents.media = "latent"


@dataclass(frozen=True)
class Slow:
    seconds: float = 0.0

    def __call__(self, prompts, completions, **columns):
        Path("began").touch()
        time.sleep(self.seconds)
        return [0.25] * len(prompts)


class Exact:
    media = "tensor"

    def __call__(self, prompts, completions, **columns):
        return completions.double().flatten(1).mean(dim=1).tolist()
'''


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of rewards, as `--reward` takes it before the colon."""
    file = tmp_path_factory.mktemp("served") / "mine.py"
    file.write_text(REWARDS)
    return str(file)


@pytest.fixture(scope="module")
def jpeg() -> Iterator[Served]:
    with served("jpeg-size", {"quality": 70}) as server:
        yield server


def local(reward, prompts: list[str], pixels: torch.Tensor) -> list[float]:
    return RewardPanel([RewardTerm("r", reward)]).score([Prompt(p) for p in prompts], pixels).values[0].tolist()


def remote(server: Served, prompts: list[str], pixels: torch.Tensor, **fields) -> list:
    columns = fields.pop("given", {})
    return asyncio.run(Remote(url=server.url, backoff=0.01, **fields)(prompts, pixels, **columns))


@pytest.fixture
def pixels() -> torch.Tensor:
    return torch.rand(7, 3, 16, 24, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("encoding", ["png", "webp", "safetensors"])
def test_lossless_encodings_change_nothing(jpeg: Served, pixels: torch.Tensor, encoding: str) -> None:
    prompts = ["a cat"] * 7
    assert remote(jpeg, prompts, pixels, encoding=encoding, batch_size=3) == local(JpegSize(quality=70), prompts, pixels)
    videos = pixels[:4, None].expand(-1, 3, -1, -1, -1)
    assert remote(jpeg, prompts[:4], videos, encoding=encoding) == local(JpegSize(quality=70), prompts[:4], videos)


def test_jpeg_is_close(jpeg: Served) -> None:
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    (found,) = remote(jpeg, ["a cat"], ramp, encoding="jpeg")
    assert found == pytest.approx(local(JpegSize(quality=70), ["a cat"], ramp)[0], rel=0.05)


def test_health_and_check(jpeg: Served) -> None:
    status, health = jpeg.request("/health")
    assert status == 200
    assert health == {
        "schema_version": 1,
        "name": "jpeg-size",
        "version": "",
        "media": "pil",
        "bounds": None,
        "columns": [],
        "max_batch": 32,
    }
    Remote(url=jpeg.url).check()
    with pytest.raises(RewardError, match="takes 32 samples at once, but batch_size is 33; lower it to 32"):
        Remote(url=jpeg.url, batch_size=33).check()
    with pytest.raises(RewardError, match="/health/health.*status 404.*there are POST /score and GET /health"):
        Remote(url=f"{jpeg.url}/health").check()


def test_a_served_reward_conforms(jpeg: Served) -> None:
    assert_conforms(check_component(Remote(url=jpeg.url)))


def test_exact_floats(mine: str, pixels: torch.Tensor) -> None:
    with served(f"{mine}:Exact") as server:
        found = remote(server, ["a cat"] * 7, pixels, encoding="safetensors")
        rounded = remote(server, ["a cat"] * 7, pixels)
    exact = pixels.double().flatten(1).mean(dim=1).tolist()
    assert found == exact
    assert rounded != exact
    assert rounded == pytest.approx(exact, abs=1e-3)


def test_columns_nones_failures_bounds_and_version(mine: str, pixels: torch.Tensor) -> None:
    given = {"answer": ["one", "none", "failed", "else"], "kept": ["to", "yourself", 1, object()]}
    with served(f"{mine}:by_answer") as server:
        reward = Remote(url=server.url, columns=("answer",))
        reward.check()
        assert reward.version == "by_answer 3"
        assert reward.health().bounds == (0.0, 1.0)
        found = remote(server, ["a cat"] * 4, pixels[:4], columns=("answer",), given=given)
        with pytest.raises(RewardError, match="needs the column 'answer'; name it in the option columns"):
            Remote(url=server.url).check()
        with pytest.raises(RewardError, match="needs the column 'answer', which a sample lacks"):
            remote(server, ["a cat"], pixels[:1])
        with pytest.raises(RewardError, match="is to send the column 'answer', which the prompts do not have"):
            remote(server, ["a cat"], pixels[:1], columns=("answer",))
        with pytest.raises(RewardError, match=r"A column cannot be sent as JSON"):
            remote(server, ["a cat"] * 4, pixels[:4], columns=("answer", "kept"), given=given)
    assert found == [1.0, None, Failed("the server: no idea"), 0.5]


def test_a_row_that_breaks_the_reward_takes_no_other_with_it(mine: str, pixels: torch.Tensor) -> None:
    with served(f"{mine}:moody") as server:
        found = remote(server, ["ok", "raise", "ok", "nan", "two", "ok", "ok"], pixels, batch_size=4, retries=1)
    assert [found[row] for row in (0, 2, 5, 6)] == [0.25] * 4
    assert "ValueError: out of memory" in found[1].reason
    assert "answered nan for row 0 (prompt 'nan'" in found[3].reason
    assert "outside its declared bounds [0, 1]" in found[4].reason


def test_several_servers_have_a_label_each(mine: str, jpeg: Served, pixels: torch.Tensor) -> None:
    with served(f"{mine}:later") as other:
        rewards = parse_rewards(
            [
                {"name": "remote", "label": "size", "options": {"url": jpeg.url}},
                {"name": "remote", "label": "length", "options": {"url": other.url, "encoding": "jpeg"}},
            ]
        )
        panel = RewardPanel([resolve_reward(r.name, options=dict(r.options), label=r.label) for r in rewards])
        panel.check()
        found = panel.score([Prompt("a" * n) for n in range(1, 8)], pixels).values
    assert panel.names == ("size", "length")
    assert found[0].tolist() == local(JpegSize(quality=70), ["a cat"] * 7, pixels)
    assert found[1].tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_async_rewards_are_served(mine: str, pixels: torch.Tensor) -> None:
    with served(f"{mine}:later") as server:
        assert remote(server, list("abcdefg"), pixels, concurrency=4, batch_size=1) == [1.0] * 7


def test_a_process_of_its_own(tmp_path: Path, pixels: torch.Tensor) -> None:
    """Started as a user does; SIGTERM lets the running request finish."""
    (tmp_path / "mine.py").write_text(REWARDS)
    arguments = ["mine.py:Slow", "--option", "seconds=1", "--max-batch", "5", "--api-key-env", "A_KEY"]
    with served_apart(*arguments, folder=tmp_path, A_KEY="abc") as (server, process, said):
        assert "at most 5 samples" in said
        assert server.request("/health")[0] == 401
        headers = {"Authorization": "Bearer abc"}
        body = {"encoding": "png", "samples": [{"prompt": "a cat", "image": b64encode(encoded(pixels[0], "png")).decode()}]}
        with ThreadPoolExecutor() as threads:
            answer = threads.submit(server.request, "/score", body, headers)
            while not (tmp_path / "began").exists():
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert answer.result() == (200, {"schema_version": 1, "scores": [0.25]})
        process.wait(timeout=30)


@pytest.mark.parametrize(
    ("name", "message"),
    [("compares", "compares the pictures of a group"), ("of_latents", "judges latents, which are not sent")],
)
def test_what_cannot_be_served(mine: str, name: str, message: str) -> None:
    with pytest.raises(RewardError, match=message):
        RewardService.of(f"{mine}:{name}")
