"""An auxiliary objective of the text encoder: from each word's state, tell the object that the word belongs to.

The picture alone teaches slowly which colour goes with which shape and which object stands on which side, because its loss
hardly changes when two objects swap places. The heads are dropped after training; the pipeline never sees them.
"""

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn

from genrl.scenes.folder import MAX_TOKENS, TEXT_WIDTH
from genrl.scenes.grammar import COLOURS, NUMBERS, RELATION, RELATIONS, SHAPES, parse

WEIGHT = 0.1
#: Classes of what is told: on which side the object stands (0 for none), its colour, its shape, how many there are.
CLASSES = (1 + len(RELATIONS), len(COLOURS), len(SHAPES), 1 + len(NUMBERS))
NOTHING = -100  # what `cross_entropy` passes over
_OPPOSITE = (1, 0, 3, 2)  # left, right, above, below


@cache
def _targets(prompt: str) -> Tensor:
    """(MAX_TOKENS, 4) classes of each word's object; words of the relation itself belong to none."""
    told = torch.full((MAX_TOKENS, len(CLASSES)), NOTHING)
    if not prompt:
        return told
    scene, words = parse(prompt), len(prompt.split())
    if scene.kind != RELATION:
        told[:words] = torch.tensor([0, scene.colour, scene.shape, scene.count - 1])
        return told
    told[:3] = torch.tensor([1 + scene.relation, scene.colour, scene.shape, 0])
    told[words - 3 : words] = torch.tensor([1 + _OPPOSITE[scene.relation], scene.other_colour, scene.other_shape, 0])
    return told


def build_heads() -> nn.Linear:
    """One linear read-out for all classes."""
    return nn.Linear(TEXT_WIDTH, sum(CLASSES))


def grounding_loss(heads: nn.Linear, text: Tensor, prompts: Sequence[str]) -> Tensor:
    """Cross-entropy of the read-out from text states ``(B, L, C)``, summed over what is told, mean over words."""
    targets = torch.stack([_targets(prompt) for prompt in prompts])
    parts = heads(text).split(CLASSES, dim=-1)
    losses = [nn.functional.cross_entropy(part.flatten(0, 1), targets[..., j].flatten()) for j, part in enumerate(parts)]
    return torch.stack(losses).sum()
