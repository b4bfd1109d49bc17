"""The prompt writer at work: requests in, the likeliest prompts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from genrl.prompter.asking import Asking, prompt_of
from genrl.prompter.language_model import continued
from genrl.types import Prompt

#: Requests that are rewritten at once.
ROWS = 64


class Writer:
    """Greedy, so the same request gets the same prompt. It keeps no state but what it was given.

    model, tokenizer: of transformers. limit: the longest prompt in tokens.
    """

    def __init__(self, model: Any, tokenizer: Any, asking: Asking, limit: int) -> None:
        self.model, self.tokenizer, self.asking, self.limit = model, tokenizer, asking, limit

    def __call__(self, requests: Sequence[str]) -> list[str]:
        """One prompt for each request. Only requests of one length share a batch, so none is padded."""
        ids = {request: self._ids(request) for request in dict.fromkeys(requests)}
        by_length: dict[int, list[str]] = {}
        for request, tokens in ids.items():
            by_length.setdefault(len(tokens), []).append(request)
        written: dict[str, str] = {}
        training = self.model.training
        self.model.eval()
        for alike in by_length.values():
            for batch in (alike[start : start + ROWS] for start in range(0, len(alike), ROWS)):
                answers = continued(self.model, self.tokenizer, [ids[request] for request in batch], self.limit)
                written.update(zip(batch, map(prompt_of, answers), strict=True))
        self.model.train(training)
        return [written[request] for request in requests]

    def rewrite(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """The prompts with what was written in place of the request, which they remember."""
        written = self([prompt.asked for prompt in prompts])
        return [replace(prompt, text=text, request=prompt.asked) for prompt, text in zip(prompts, written, strict=True)]

    def _ids(self, request: str) -> list[int]:
        asked = self.asking(request)
        if isinstance(asked, str):
            return self.tokenizer(asked)["input_ids"]
        return self.tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=True, return_dict=True)[
            "input_ids"
        ]
