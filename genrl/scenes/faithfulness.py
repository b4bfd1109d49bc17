"""Whether a prompt asks for the scene that was asked for, which the grammar of the world decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from genrl.bounds import BelowOne
from genrl.errors import ConfigError
from genrl.registry import register
from genrl.scenes.grammar import COLOURS, NUMBERS, RELATION, RELATIONS, SHAPES, Scene, parse
from genrl.types import Prompt

#: The column of a request set that says in the world's own language what is asked for.
TRUTH = "scene"
_WORDS = frozenset([*COLOURS, *SHAPES, *NUMBERS, *(relation.split()[0] for relation in RELATIONS)])


@register("faithfulness", "scenes")
@dataclass(frozen=True)
class ScenesFaithfulness:
    """1 where the prompt asks for the very scene; else partial credit for its words, counted as often as they stand there.

    What is asked for is the column `scene`, else the request itself, which then has to be a sentence of the grammar. "A
    left of B" and "B right of A" are one scene.

    partial: what all the right words are worth in a prompt that still asks for another scene, or for none. Higher leads a
        writer that is far off; lower tells near misses less from nonsense.
    """

    partial: BelowOne = 0.5

    def __call__(self, asked: Sequence[Prompt], written: Sequence[str]) -> list[float]:
        return [self._kept(wanted(prompt), text) for prompt, text in zip(asked, written, strict=True)]

    def _kept(self, scene: Scene, text: str) -> float:
        try:
            if turned(parse(text)) == turned(scene):
                return 1.0
        except ValueError:
            pass  # no sentence of the grammar: its words still count
        return self.partial * overlap(words(scene.prompt), words(text))


def wanted(prompt: Prompt) -> Scene:
    """The scene that a request stands for; ConfigError if neither its column nor its text says so."""
    try:
        return parse(prompt.columns.get(TRUTH) or prompt.asked)
    except ValueError as error:
        raise ConfigError(f"{error} Or give the requests a column {TRUTH!r} with such a sentence.") from None


def turned(scene: Scene) -> Scene:
    """Of the two sentences for one relation, the one with "left of" or "above"."""
    if scene.kind != RELATION or scene.relation % 2 == 0:
        return scene
    return Scene(RELATION, scene.other_colour, scene.other_shape, 1, scene.colour, scene.shape, scene.relation - 1)


def words(text: str) -> Counter[str]:
    """The world's content words in a text, plural shapes as singular."""
    found = [word.strip(".,;:!?") for word in text.lower().split()]
    singular = [word.removesuffix("s") if word.removesuffix("s") in SHAPES else word for word in found]
    return Counter(word for word in singular if word in _WORDS)


def overlap(one: Counter[str], other: Counter[str]) -> float:
    """F1 of two bags of words."""
    both = sum((one & other).values())
    return 2 * both / max(1, sum(one.values()) + sum(other.values()))
