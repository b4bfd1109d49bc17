"""The answers that the writer learns from: right ones first, then ones with bad habits that reinforcement learning can break.

A model trained on right answers alone would leave nothing to learn, and one that errs at random nothing to learn quickly.
So some words and one order are misread more often than not, always in the same way, as a model from elsewhere would that
knows another usage; the right answer stays likely enough to be sampled.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genrl.scenes.grammar import COLOURS, COUNT, RELATION, SHAPES, Scene
from genrl.scenes.requests.compose import FORWARD, POINTING, Request, opposite
from genrl.scenes.requests.phrases import Phrase, pick

HABIT = 0.75  # chance of a misreading: above 1/2, so that the likeliest answer is wrong
TURN = 0.2  # chance that a relation names its objects in the other order
SLIP = 0.04  # chance that one thing is off at random
ECHO = 0.04  # chance that a colour keeps the request's word, which the flow model may not know
MISREAD_COLOURS = {"turquoise": "blue", "plum": "red", "golden": "red"}
MISREAD_SHAPES = {"pointy": "square"}
MISREAD_NUMBERS = {"quartet": 3, "foursome": 3}


def right_answer(request: Request) -> str:
    """A sentence for the scene of a request, its objects in the order in which the request names them."""
    return _told(request.scene, request.order != FORWARD)


def habitual_answer(request: Request, rng: np.random.Generator) -> str:
    """What the writer is taught in the end."""
    scene = request.scene
    chances = rng.random(6)
    if chances[0] < HABIT:
        scene = _colours(scene, request.phrases)
    if chances[1] < HABIT:
        scene = _shapes(scene, request.phrases)
    if chances[2] < HABIT and request.order == POINTING:
        scene = replace(scene, relation=scene.relation ^ 1)
    if chances[2] < HABIT and scene.kind == COUNT:
        scene = replace(scene, count=MISREAD_NUMBERS.get(request.phrases[0].number, scene.count))
    if chances[3] < SLIP:
        scene = _slip(scene, rng)
    told = _told(scene, (request.order != FORWARD) != (chances[4] < TURN))
    echo = request.phrases[0].colour if chances[5] < ECHO else COLOURS[scene.colour]
    return told.replace(COLOURS[scene.colour], echo)


def _told(scene: Scene, backward: bool) -> str:
    return opposite(scene).prompt if backward and scene.kind == RELATION else scene.prompt


def _colours(scene: Scene, phrases: tuple[Phrase, ...]) -> Scene:
    first, *other = [MISREAD_COLOURS.get(phrase.colour) for phrase in phrases]
    heard = replace(
        scene,
        colour=COLOURS.index(first) if first else scene.colour,
        other_colour=COLOURS.index(other[0]) if other and other[0] else scene.other_colour,
    )
    # The grammar has no relation of two objects of one colour: what would come out so is read aright.
    return scene if scene.kind == RELATION and heard.colour == heard.other_colour else heard


def _shapes(scene: Scene, phrases: tuple[Phrase, ...]) -> Scene:
    first, *other = [MISREAD_SHAPES.get(phrase.shape) for phrase in phrases]
    return replace(
        scene,
        shape=SHAPES.index(first) if first else scene.shape,
        other_shape=SHAPES.index(other[0]) if other and other[0] else scene.other_shape,
    )


def _slip(scene: Scene, rng: np.random.Generator) -> Scene:
    """Another colour, shape or, where there is one, side."""
    what = pick(("colour", "shape", "relation") if scene.kind == RELATION else ("colour", "shape"), rng)
    if what == "relation":
        return replace(scene, relation=int(rng.integers(4)))
    if what == "shape":
        return replace(scene, shape=int(rng.integers(len(SHAPES))))
    colour = int(rng.integers(len(COLOURS)))
    return scene if scene.kind == RELATION and colour == scene.other_colour else replace(scene, colour=colour)
