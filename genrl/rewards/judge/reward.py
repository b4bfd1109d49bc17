"""A vision-language model that rates pictures."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic_core import PydanticSerializationError, to_json
from torch import Tensor

from genrl.bounds import Count, Finite, Natural, NonNegative, Positive
from genrl.errors import ConfigError, RewardError
from genrl.registry import register, suggestion
from genrl.rewards.failed import Failed
from genrl.rewards.judge.chat import ALTERNATIVES, Completion, ModelList, evenly, question
from genrl.rewards.judge.reading import score_of, yes_of
from genrl.rewards.judge.rubric import SCORE, YES_OR_NO, filled, places
from genrl.rewards.transport import Endpoint, printable

#: Tokens of an answer of which only the first word counts.
ONE_WORD = 4
#: Of a server's models no more are named in an error.
SHOWN_MODELS = 50


@register("reward", "vlm-judge", needs="server to ask")
@dataclass(frozen=True)
class VlmJudge(Endpoint):
    """A vision-language model behind an OpenAI-compatible endpoint (vLLM, SGLang, llama.cpp, a hosted one), in [0, 1].

    It sees what no small reward sees, and is fooled by what fools its model: watch a second judge that is not trained on.
    The prompt stands in the question, so that a prompt may try to instruct the judge. An answer without a score is asked
    for again, and is `Failed` after the retries; it never becomes a number.

    url: of the API, with its /v1; /chat/completions and /models are appended.
    model: the name under which the server has the model; `curl URL/models` lists them.
    mode: "score" reads a number out of the answer. "yesno" takes P(yes) / (P(yes) + P(no)) of its first word, the finer
        signal of one short answer (after VQAScore, Lin et al. 2024, arXiv:2404.01291); the server must give logprobs.
    rubric: the question, with {prompt}, columns of the prompts as {column}, and {lowest}, {highest}; empty takes the
        shipped one of the mode.
    lowest, highest: the range that the rubric asks for, mapped to [0, 1]. A score outside is no answer.
    pattern: a regular expression with one group, the number, where the judge does not answer with {"score": 7}.
    frames: of a video, so many evenly chosen ones are shown. Up shows more of the motion and costs tokens.
    encoding: png and webp send exactly the 8-bit picture, jpeg a close copy in a fraction of the bytes.
    temperature: 0 answers alike each time; up adds noise to the reward.
    max_tokens: length of an answer. Up leaves room for reasons before the score, down is cheaper; yesno takes at most 4.
    request: further fields of the request, such as {chat_template_kwargs: {enable_thinking: false}}; null leaves one out.
    concurrency: questions at once. Up fills the server's batches, down stays below its limits.
    timeout: seconds for one question, from connecting to the last byte. Up waits longer, down notices a stall sooner.
    deadline: seconds for all rows of one call; what has no answer by then is failed. Up is more patient, down bounds the
        pause of the run.
    retries: attempts after the first one. Up survives longer outages and odd answers, down gives up sooner.
    backoff: seconds before the first retry, doubled before each further one. Up spares the server, down is quicker.
    max_response_bytes: longer answers are refused; up only if a server needs more, down costs nothing.
    api_key_env: name of the environment variable that holds the key; the key itself is never written anywhere.
    """

    url: str = "http://127.0.0.1:8000/v1"
    model: str = ""
    mode: Literal["score", "yesno"] = "score"
    rubric: str = ""
    lowest: Finite = 0.0
    highest: Finite = 10.0
    pattern: str = ""
    frames: Count = 4
    encoding: Literal["png", "webp", "jpeg"] = "png"
    temperature: NonNegative = 0.0
    max_tokens: Count = 256
    request: Mapping[str, Any] = field(default_factory=dict)
    concurrency: Count = 8
    timeout: Positive = 60.0
    deadline: Positive = 600.0
    retries: Natural = 5
    backoff: Positive = 0.5
    max_response_bytes: Count = 1 << 20
    api_key_env: str = ""
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.lowest < self.highest:
            raise ConfigError(f"vlm-judge has lowest {self.lowest:g} and highest {self.highest:g}; that is no range.")
        try:
            groups = re.compile(self.pattern).groups
        except re.error as error:
            raise ConfigError(f"The pattern of vlm-judge is no regular expression ({error}).") from None
        if self.pattern and groups != 1:
            raise ConfigError(f"The pattern of vlm-judge has {groups} groups; it needs one, around the number.")

    @property
    def version(self) -> str:
        return self.model

    async def __call__(self, prompts: list[str], completions: Tensor, **columns: Any) -> list[float | Failed]:
        self._check_model_is_named()
        rubric = self.rubric or (SCORE if self.mode == "score" else YES_OR_NO)
        wanted = places(rubric) & columns.keys()

        async with self.client() as client:

            async def ask(rows: range) -> Sequence[float]:
                values = {name: columns[name][rows.start] for name in wanted}
                text = filled(rubric, values | {"prompt": prompts[rows.start]} | self._range)
                body = await asyncio.to_thread(self._body, text, completions[rows.start])
                return [self._read(await self.post(client, "/chat/completions", body, Completion))]

            return await self.ask(ask, len(prompts))

    def check(self) -> None:
        """Raise RewardError unless the server answers GET /models with the model among them."""
        self._check_model_is_named()
        cure = "start the server, or mend the option url (it ends in /v1 for most servers)."
        there = [card.id for card in self.get("/models", ModelList, cure).data]
        if self.model not in there:
            shown = [printable(name) for name in there[:SHOWN_MODELS]]
            raise RewardError(f"{self.url} has no model {self.model!r}{suggestion(self.model, shown)}")

    @property
    def _range(self) -> dict[str, str]:
        return {"lowest": f"{self.lowest:g}", "highest": f"{self.highest:g}"}

    def _check_model_is_named(self) -> None:
        if not self.model:
            raise RewardError(f"vlm-judge needs the option model; `curl {self.url.rstrip('/')}/models` lists them.")

    def _body(self, text: str, picture: Tensor) -> bytes:
        settings: dict[str, Any] = {"model": self.model, "temperature": self.temperature, "max_tokens": self.max_tokens}
        if self.mode == "yesno":
            settings |= {"max_tokens": min(ONE_WORD, self.max_tokens), "logprobs": True, "top_logprobs": ALTERNATIVES}
        try:
            return to_json(question(text, evenly(picture, self.frames), self.encoding, settings | dict(self.request)))
        except PydanticSerializationError as error:
            raise RewardError(f"The option request of vlm-judge is no JSON ({error}).") from None

    def _read(self, completion: Completion) -> float:
        choice = completion.choices[0]
        if self.mode == "yesno":
            return yes_of(choice)
        return score_of(choice, self.lowest, self.highest, self.pattern)
