"""Noun phrases of requests: what one object, or several alike, may be called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from genrl.scenes.grammar import COLOURS, NUMBERS, SHAPES
from genrl.scenes.requests.words import COLOUR_WORDS, NUMBER_WORDS, SHAPE_ADJECTIVES, SHAPE_NOUNS

T = TypeVar("T")


@dataclass(frozen=True)
class Phrase:
    """A noun phrase, and the words in it that stand for colour, shape and number ("" for one object)."""

    text: str
    colour: str
    shape: str
    number: str = ""


def pick(choices: Sequence[T], rng: np.random.Generator) -> T:
    """One of them, each as likely."""
    return choices[int(rng.integers(len(choices)))]


def one(colour: int, shape: int, rng: np.random.Generator) -> Phrase:
    """A phrase for one object: "a scarlet disc", "something round and yellow"."""
    paint = pick(COLOUR_WORDS[COLOURS[colour]], rng)
    if rng.random() < 0.3:
        form = pick(SHAPE_ADJECTIVES[SHAPES[shape]], rng)
        pattern = pick(("something {s} and {c}", "something {c} and {s}", "a {s} thing in {c}", "a {c} thing that is {s}"), rng)
    else:
        form = pick(SHAPE_NOUNS[SHAPES[shape]], rng)
        pattern = pick(("a {c} {s}", "a {c} {s}", "a {s} in {c}", "one {c} {s}", "a {s} that is {c}"), rng)
    return Phrase(articled(pattern.format(c=paint, s=form)), paint, form)


def several(count: int, colour: int, shape: int, rng: np.random.Generator) -> Phrase:
    """A phrase for `count` objects alike: "three of those green triangles", "jade dots, a pair of them"."""
    paint, form = pick(COLOUR_WORDS[COLOURS[colour]], rng), pick(SHAPE_NOUNS[SHAPES[shape]], rng)
    before, of = pick(NUMBER_WORDS[NUMBERS[count - 2]], rng)
    things = "boxes" if form == "box" else f"{form}s"
    pattern = pick(("{n} {c} {s}", "{n} {c} {s}", "{of} of those {c} {s}", "{n} {s} in {c}", "{c} {s}, {of} of them"), rng)
    return Phrase(pattern.format(n=before, of=of, c=paint, s=things), paint, form, of.split()[-1])


def articled(text: str) -> str:
    """With "an" before a vowel."""
    first, _, rest = text.partition(" ")
    return f"an {rest}" if first == "a" and rest[0] in "aeiou" else text
