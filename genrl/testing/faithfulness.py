"""Invariants of faithfulness: bounds, rows that do not see each other, and the two ends of the scale."""

from __future__ import annotations

from genrl.faithfulness import Faithfulness
from genrl.testing.check import expect
from genrl.types import Prompt

#: Sentences that the embedded world's grammar knows too.
REQUESTS = ("a red circle left of a blue square", "three green triangles", "a yellow square")
OTHERS = ("two purple squares", "a cyan circle above a red triangle", "four blue circles")


def check_an_unchanged_request_is_kept(component: Faithfulness) -> None:
    asked = [Prompt(text) for text in REQUESTS]
    found = component(asked, REQUESTS)
    expect(found == [1.0] * len(asked), f"Requests that are repeated unchanged score {found}, not 1.")


def check_lies_between_nothing_and_all(component: Faithfulness) -> None:
    asked = [Prompt(text) for text in REQUESTS]
    for written in (OTHERS, ("", "", ""), tuple(f"{text}, in a park" for text in REQUESTS)):
        found = component(asked, written)
        expect(len(found) == len(asked), f"{len(found)} numbers for {len(asked)} prompts.")
        expect(all(0.0 <= value <= 1.0 for value in found), f"{found} leaves [0, 1].")


def check_another_request_scores_less(component: Faithfulness) -> None:
    found = component([Prompt(text) for text in REQUESTS], OTHERS)
    expect(max(found) < 1.0, f"Prompts that ask for something else score {found}.")


def check_judges_by_the_request_and_not_by_its_prompt(component: Faithfulness) -> None:
    rewritten = [Prompt("something else", request=text) for text in REQUESTS]
    found = component(rewritten, REQUESTS)
    expect(found == [1.0] * len(found), f"It reads Prompt.text where Prompt.asked is the request: {found}.")


def check_rows_do_not_see_each_other(component: Faithfulness) -> None:
    asked, written = [Prompt(text) for text in REQUESTS], (REQUESTS[0], OTHERS[1], "a yellow circle")
    together = component(asked, written)
    alone = [component([prompt], [text])[0] for prompt, text in zip(asked, written, strict=True)]
    expect(together == alone, f"Together the rows score {together}, one by one {alone}.")


CHECKS = (
    check_an_unchanged_request_is_kept,
    check_lies_between_nothing_and_all,
    check_another_request_scores_less,
    check_judges_by_the_request_and_not_by_its_prompt,
    check_rows_do_not_see_each_other,
)
