"""A panel calls rewards as TRL does, and turns every wrong answer into a sentence that names the reward."""

import asyncio
import functools
import math
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from genrl.errors import RewardError
from genrl.rewards import RewardPanel, RewardTerm
from genrl.types import Prompt


def panel(*functions, weight=1.0):
    return RewardPanel([RewardTerm(getattr(f, "__name__", f"reward{k}"), f, weight) for k, f in enumerate(functions)])


def ones(prompts, completions, **columns):
    return [1.0] * len(prompts)


def test_called_as_trl_calls(prompts, images):
    seen = {}

    def trl_style(prompts, completions, answer, trainer_state=None, log_extra=None, log_metric=None, **kwargs):
        seen.update(kwargs, prompts=prompts, completions=completions, answer=answer, step=trainer_state.global_step)
        log_extra("found", [a or "none" for a in answer])
        log_metric("accuracy", 0.25)
        log_metric("accuracy", 0.75)
        return [0.5, None, 2]

    scores = panel(trl_style, ones).score(prompts, images, {"global_step": 3})
    assert seen.pop("prompts") == ["a cat", "a dog", "a cat"]
    assert all(isinstance(c, Image.Image) and c.size == (16, 16) and c.mode == "RGB" for c in seen.pop("completions"))
    assert seen == {"answer": ["x", "y", None], "tag": [None, 7, None], "step": 3}
    assert scores.values.dtype == torch.float64
    assert scores.values.device.type == "cpu"
    np.testing.assert_array_equal(scores.values, [[0.5, math.nan, 2.0], [1.0, 1.0, 1.0]])
    assert scores.metrics == {"accuracy": 0.5}
    assert scores.extras == {"found": ["x", "y", "none"]}
    assert scores.seconds.keys() == {"trl_style", "ones"}


def test_completions_in_the_form_each_reward_wants(prompts, images):
    seen = {}

    class Tensors:
        media = "tensor"

        def __call__(self, prompts, completions, **columns):
            seen["tensor"] = completions
            return [0.0] * len(prompts)

    def first(prompts, completions):
        seen["first"] = completions
        return [0.0] * 3

    def second(prompts, completions):
        seen["second"] = completions
        return [0.0] * 3

    asked = panel(Tensors(), first, second)
    asked.score(prompts, images)
    assert torch.equal(seen["tensor"], images)
    assert seen["first"] is seen["second"]
    pixels = np.stack([np.asarray(picture) for picture in seen["first"]])
    np.testing.assert_allclose(pixels / 255, images.permute(0, 2, 3, 1), atol=0.5 / 255 + 1e-6)

    asked.score(prompts, images[:, None].expand(-1, 4, -1, -1, -1))
    assert seen["tensor"].shape == (3, 4, 3, 16, 16)
    assert all(video.shape == (4, 16, 16, 3) and video.dtype == np.uint8 for video in seen["first"])


def test_only_named_keywords_without_kwargs(prompts, images):
    def narrow(prompts, completions, tag, *, answer="unset"):
        return [float(t == 7 and a == "y") for t, a in zip(tag, answer, strict=True)]

    assert panel(narrow).score(prompts, images).values.tolist() == [[0.0, 1.0, 0.0]]
    with pytest.raises(RewardError, match="'narrow' needs the column 'tag', but the prompts have 'answer'"):
        panel(narrow).score([Prompt("p", {"answer": "x"})], images[:1])


def test_async_rewards_run_together_and_beside_sync_ones(prompts, images):
    """Each waits for all others, so one after the other would never end."""
    together, sync_began = asyncio.Barrier(2), threading.Event()

    async def patient(number, prompts, completions, **columns):
        assert not torch.is_grad_enabled()
        await asyncio.wait_for(together.wait(), 5)
        assert await asyncio.to_thread(sync_began.wait, 5)
        return [number] * len(prompts)

    def busy(prompts, completions, **columns):
        sync_began.set()
        return [1.0] * len(prompts)

    terms = [
        RewardTerm("a", functools.partial(patient, 0.25)),
        RewardTerm("b", busy),
        RewardTerm("c", functools.partial(patient, 0.75)),
    ]
    assert RewardPanel(terms).score(prompts, images).values[:, 0].tolist() == [0.25, 1.0, 0.75]


def test_async_instances_and_a_loop_that_runs_already(prompts, images):
    class Judge:
        async def __call__(self, prompts, completions, **columns):
            return [1.0, None, 3.0]

    async def notebook():
        return RewardPanel([RewardTerm("judge", Judge())]).score(prompts, images)

    np.testing.assert_array_equal(asyncio.run(notebook()).values, [[1.0, math.nan, 3.0]])


def test_async_rewards_share_one_loop(prompts, images):
    loops = []

    async def remember(prompts, completions, **columns):
        loops.append(asyncio.get_running_loop())
        return [0.0] * len(prompts)

    for _ in range(2):
        panel(remember).score(prompts, images)
    assert loops[0] is loops[1]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([1.0, 2.0], "answered 2 numbers for 3 pictures"),
        ([1.0, math.nan, 0.0], r"answered nan for row 1 \(prompt 'a dog'\); return None"),
        ([1.0, 0.0, math.inf], r"answered inf for row 2 \(prompt 'a cat'\)"),
        (torch.tensor([1.0, 2.0, math.nan]), "answered nan for row 2"),
        ([1.0, "0.5", 0.0], r"answered '0.5' \(str\) for row 1"),
        ([1.0, [0.5], 0.0], r"answered \[0.5\] \(list\) for row 1"),
        (0.5, "answered with float; it must return a list of 3"),
        (None, "answered with NoneType"),
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
def test_wrong_answers(prompts, images, answer, message, is_async):
    def wrong(prompts, completions, **columns):
        return answer

    async def wrong_later(prompts, completions, **columns):
        return answer

    with pytest.raises(RewardError, match=f"Reward 'wrong.*' {message}"):
        panel(ones, wrong_later if is_async else wrong).score(prompts, images)


@pytest.mark.parametrize(
    "answer",
    [
        (1, 2, 3),
        np.array([1, 2, 3]),
        torch.tensor([1.0, 2.0, 3.0], dtype=torch.bfloat16),
        [np.float32(1), torch.tensor(2), True + 2],
    ],
)
def test_numbers_of_any_make(prompts, images, answer):
    assert panel(lambda prompts, completions: answer).score(prompts, images).values.tolist() == [[1.0, 2.0, 3.0]]


def test_exceptions_name_the_reward_and_stop_the_others(prompts, images):
    began, stopped = threading.Event(), threading.Event()

    def broken(prompts, completions, **columns):
        assert began.wait(5)
        raise KeyError("answer")

    async def broken_later(prompts, completions, **columns):
        assert await asyncio.to_thread(began.wait, 5)
        raise OSError("no route")

    async def patient(prompts, completions, **columns):
        began.set()
        try:
            await asyncio.sleep(30)
        finally:
            stopped.set()

    for reward, message in [(broken, "KeyError: 'answer'"), (broken_later, "OSError: no route")]:
        began.clear()
        stopped.clear()
        with pytest.raises(RewardError, match=rf"Reward '{reward.__name__}' failed \({message}\)") as caught:
            panel(patient, reward).score(prompts, images)
        assert isinstance(caught.value.__cause__, (KeyError, OSError))
        assert stopped.wait(5)


def test_metrics_are_measured_apart(prompts, images):
    class Measured:
        media = "tensor"

        def __call__(self, prompts, completions, **columns):
            return [0.0] * len(prompts)

        def metrics(self, prompts, completions, answer):
            return {"strict": [float(a == "x") for a in answer], "mean": completions.mean(dim=(1, 2, 3))}

    found = RewardPanel([RewardTerm("m", Measured()), RewardTerm("ones", ones)]).metrics(prompts, images)
    assert found.keys() == {"m/strict", "m/mean"}
    assert found["m/strict"].tolist() == [1.0, 0.0, 0.0]
    assert found["m/mean"].dtype == torch.float64
    torch.testing.assert_close(found["m/mean"], images.mean(dim=(1, 2, 3)).double())


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (torch.rand(2, 3, 8, 8), "2 pictures for 3 prompts"),
        (torch.rand(3, 8, 8, 3), r"not torch.float32 of shape \(3, 8, 8, 3\)"),
        (torch.zeros(3, 3, 8, 8, dtype=torch.uint8), "not torch.uint8"),
        (torch.full((3, 3, 8, 8), math.nan), r"3 of 3 pictures \(the first is row 0\) hold NaN"),
    ],
)
def test_bad_pictures(prompts, pixels, message):
    with pytest.raises(RewardError, match=message):
        panel(ones).score(prompts, pixels)


def test_reserved_columns_and_extras_of_a_wrong_length(images):
    with pytest.raises(RewardError, match=r"column 'completions'.*rename"):
        panel(ones).score([Prompt("p", {"completions": "x"})], images[:1])

    def chatty(prompts, completions, log_extra):
        log_extra("c", [1, 2])
        return [0.0]

    with pytest.raises(RewardError, match="logged 2 values in the extra column 'c' for 1 pictures"):
        panel(chatty).score([Prompt("p")], images[:1])


def test_panels():
    term = RewardTerm("ones", ones, 0.5)
    asked = RewardPanel([term, RewardTerm("twos", ones, -2)])
    assert asked.names == ("ones", "twos")
    assert asked.weights.tolist() == [0.5, -2.0]
    with pytest.raises(RewardError, match="at least one reward"):
        RewardPanel([])
    with pytest.raises(RewardError, match="'ones' is given twice"):
        RewardPanel([term, term])
