"""Held-out evaluation of a writer: the same requests, the same noise, the likeliest prompt of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from genrl.evaluation import Evaluation, Evaluator
from genrl.faithfulness import Faithfulness
from genrl.judging.drawing import autocast
from genrl.monitoring.faithfulness import FAITHFULNESS
from genrl.policy import WeightedPolicy
from genrl.prompter.rewards import faithfulness
from genrl.prompter.writer import Writer
from genrl.rewards import RewardPanel


@dataclass(frozen=True)
class WriterJudge:
    """Draws and scores held-out requests through whatever writer it is given; None leaves the requests as they are."""

    evaluator: Evaluator
    policy: WeightedPolicy
    rewards: RewardPanel
    component: Faithfulness
    mixed_precision: str
    forget: Callable[[list[str]], None]

    def __call__(self, writer: Writer | None) -> Evaluation:
        """As `Evaluator`, with the faithfulness of each sample's prompt beside its scores."""
        requests = self.evaluator.prompts
        prompts = writer.rewrite(requests) if writer else list(requests)
        evaluator = replace(self.evaluator, prompts=prompts)
        with autocast(self.policy.device, self.mixed_precision):
            found = evaluator(self.policy, self.rewards)
        self.forget([prompt.text for prompt in prompts])
        kept = np.asarray(faithfulness(self.component, requests, [prompt.text for prompt in prompts]))
        samples = np.arange(self.evaluator.settings.samples) % len(requests)
        return replace(found, values={**found.values, FAITHFULNESS: kept[samples]})


def examples(writer: Writer, evaluator: Evaluator, most: int) -> list[tuple[str, str]]:
    """The first requests with what is written for them."""
    requests: list[Any] = list(evaluator.prompts)[:most]
    return [(prompt.request or "", prompt.text) for prompt in writer.rewrite(requests)]
