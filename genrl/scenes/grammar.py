"""The prompt grammar of the scenes world: a prompt is a sentence, a scene is what the sentence asks for.

Three kinds of sentence, 1,152 in all:

    a red circle                              single     6 colours x 3 shapes
    three green triangles                     count      two, three or four of one colour and shape
    a red circle left of a blue square        relation   two objects of different colours

Vectorised code uses scene *rows*, int64 ``(N, 7)``: kind, colour, shape, count, other colour, other shape, relation,
where the columns a kind does not use are 0 (count is 1 unless the kind is "count").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

COLOURS = ("red", "green", "blue", "yellow", "purple", "cyan")
SHAPES = ("circle", "square", "triangle")
RELATIONS = ("left of", "right of", "above", "below")
NUMBERS = ("two", "three", "four")
KINDS = ("single", "count", "relation")
SINGLE, COUNT, RELATION = range(3)

GRAMMAR = (
    "'a COLOUR SHAPE', 'two|three|four COLOUR SHAPEs' or 'a COLOUR SHAPE left of|right of|above|below a COLOUR SHAPE' "
    f"with two different colours; colours: {', '.join(COLOURS)}; shapes: {', '.join(SHAPES)}"
)


@dataclass(frozen=True)
class Scene:
    """What one prompt asks for; colours, shapes and relations are indices into the tuples of this module.

    ``count`` objects of the first colour and shape; for a relation also one object of the other colour and shape.
    """

    kind: int
    colour: int
    shape: int
    count: int = 1
    other_colour: int = 0
    other_shape: int = 0
    relation: int = 0

    @property
    def prompt(self) -> str:
        """The one sentence that describes this scene."""
        first = f"{COLOURS[self.colour]} {SHAPES[self.shape]}"
        if self.kind == COUNT:
            return f"{NUMBERS[self.count - 2]} {first}s"
        if self.kind == SINGLE:
            return f"a {first}"
        second = f"{COLOURS[self.other_colour]} {SHAPES[self.other_shape]}"
        return f"a {first} {RELATIONS[self.relation]} a {second}"

    @property
    def row(self) -> tuple[int, ...]:
        """The scene as seven integers, in the order of the columns of a scene row."""
        second = (self.other_colour, self.other_shape, self.relation)
        return (self.kind, self.colour, self.shape, self.count, *second)


@cache
def all_scenes() -> tuple[Scene, ...]:
    """Every scene of the grammar, singles first, then counts, then relations."""
    pairs = [(c, s) for c in range(len(COLOURS)) for s in range(len(SHAPES))]
    singles = [Scene(SINGLE, c, s) for c, s in pairs]
    counts = [Scene(COUNT, c, s, n) for c, s in pairs for n in (2, 3, 4)]
    relations = [Scene(RELATION, c, s, 1, d, t, r) for c, s in pairs for d, t in pairs if c != d for r in range(len(RELATIONS))]
    return (*singles, *counts, *relations)


@cache
def _index() -> dict[str, Scene]:
    return {scene.prompt: scene for scene in all_scenes()}


def all_prompts() -> list[str]:
    """Every prompt of the grammar, in the order of :func:`all_scenes`."""
    return list(_index())


def parse(prompt: str) -> Scene:
    """The scene a prompt asks for; case and surplus white space do not matter."""
    scene = _index().get(" ".join(prompt.lower().split()))
    if scene is None:
        raise ValueError(f"{prompt!r} is not a scenes prompt; write {GRAMMAR}.")
    return scene


def rows(prompts: Sequence[str]) -> np.ndarray:
    """Scene rows, int64 ``(N, 7)``, of N prompts."""
    return np.array([parse(prompt).row for prompt in prompts], np.int64).reshape(len(prompts), 7)


def describe(scene_rows: np.ndarray) -> list[str]:
    """The prompts of N scene rows ``(N, 7)``: the inverse of :func:`rows`."""
    return [Scene(*map(int, row)).prompt for row in scene_rows]
