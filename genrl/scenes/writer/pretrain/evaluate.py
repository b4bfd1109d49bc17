"""How often the writer names the right scene, on the held-out requests."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedTokenizerFast

from genrl.scenes.faithfulness import turned
from genrl.scenes.grammar import parse
from genrl.scenes.requests.source import held_out_requests
from genrl.scenes.writer.folder import MAX_NEW_TOKENS, TEMPLATE, Model


@torch.no_grad()
def write(
    model: Model, tokenizer: PreTrainedTokenizerFast, requests: Sequence[str], temperature: float = 0.0, seed: int = 0
) -> list[str]:
    """One prompt for each request: the likeliest, or sampled at a temperature."""
    tokens = tokenizer([TEMPLATE.replace("{request}", text) for text in requests], padding=True, return_tensors="pt")
    choice = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        answer = model.generate(**tokens, max_new_tokens=MAX_NEW_TOKENS, **choice)
    return tokenizer.batch_decode(answer[:, tokens["input_ids"].shape[1] :], skip_special_tokens=True)


def is_exact(written: str, truth: str) -> bool:
    """Whether a prompt is one of the sentences for the scene of a request."""
    try:
        return turned(parse(written)) == parse(truth)
    except ValueError:
        return False  # no sentence of the grammar


def evaluate(model: Model, tokenizer: PreTrainedTokenizerFast) -> dict[str, float]:
    """Shares of held-out requests whose prompt names the right scene: written greedily, and sampled at temperature 1."""
    requests = held_out_requests()
    shares = {}
    for name, temperature in (("greedy", 0.0), ("sampled", 1.0)):
        written = write(model, tokenizer, [request.text for request in requests], temperature)
        exact = [is_exact(text, request.truth) for text, request in zip(written, requests, strict=True)]
        shares[name] = round(sum(exact) / len(exact), 4)
    return shares
