"""From a scene to a request for it in loose words, which a person would draw in one way only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genrl.scenes.faithfulness import turned
from genrl.scenes.grammar import COLOURS, COUNT, RELATION, RELATIONS, SINGLE, Scene
from genrl.scenes.requests.phrases import Phrase, one, pick, several
from genrl.scenes.requests.words import BACKWARD, CLOSERS, OPENERS, PREPOSITIONS

#: Orders of a relation: the sentence's own, the preposition in front, and what was named first pointed back to.
FORWARD, FRONTED, POINTING = ORDERS = ("forward", "fronted", "pointing")
PLAIN_SHARE = 0.5  # requests without an opener, and as many without a closer


@dataclass(frozen=True)
class Request:
    """What is asked for in loose words, and how.

    scene: in the world's terms, the first object being the one that the sentence places ("A under B": A).
    phrases: of its objects, in the order of the scene.
    order: of `ORDERS`; FORWARD where there is no relation.
    """

    text: str
    scene: Scene
    phrases: tuple[Phrase, ...]
    order: str = FORWARD

    @property
    def truth(self) -> str:
        """The sentence of the grammar that it stands for; of a relation's two, the one with "left of" or "above"."""
        return turned(self.scene).prompt


def compose(scene: Scene, rng: np.random.Generator) -> Request:
    """A request for a scene; of a relation, from the view of either object."""
    if scene.kind == RELATION:
        body, seen, phrases, order = _relation(scene if rng.random() < 0.5 else opposite(scene), rng)
    else:
        phrase = one(scene.colour, scene.shape, rng) if scene.kind == SINGLE else several(*_counted(scene), rng)
        body, seen, phrases, order = phrase.text, scene, (phrase,), FORWARD
    opener = "" if rng.random() < PLAIN_SHARE else pick(OPENERS, rng)
    closer = "" if rng.random() < PLAIN_SHARE else pick(CLOSERS, rng).format(colour=pick(COLOURS, rng))
    return Request(" ".join(part for part in (opener, body, closer) if part), seen, phrases, order)


def opposite(scene: Scene) -> Scene:
    """The same relation from the view of its other object: "A left of B" as "B right of A"."""
    first, second = (scene.colour, scene.shape), (scene.other_colour, scene.other_shape)
    return Scene(RELATION, *second, 1, *first, scene.relation ^ 1)


def _counted(scene: Scene) -> tuple[int, int, int]:
    assert scene.kind == COUNT
    return scene.count, scene.colour, scene.shape


def _relation(scene: Scene, rng: np.random.Generator) -> tuple[str, Scene, tuple[Phrase, ...], str]:
    first, second = one(scene.colour, scene.shape, rng), one(scene.other_colour, scene.other_shape, rng)
    order, relation = pick(ORDERS, rng), RELATIONS[scene.relation]
    preposition, backward = pick(PREPOSITIONS[relation], rng), pick(BACKWARD[relation], rng)
    bodies = {
        FORWARD: (f"{first.text} {preposition} {second.text}",),
        FRONTED: (f"{preposition} {second.text}, {first.text}", f"{preposition} {second.text} there is {first.text}"),
        POINTING: (f"{second.text}, and {backward} {first.text}", f"{second.text} with {first.text} {backward}"),
    }
    return pick(bodies[order], rng), scene, (first, second), order
