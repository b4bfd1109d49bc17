"""The train and held-out prompts: one fixed split per kind, and weighted sampling by kind."""

from functools import cache

import numpy as np

from genrl.scenes.grammar import KINDS, all_scenes, rows

HELD_OUT_SHARE = 0.15
KIND_SHARES = (0.2, 0.3, 0.5)  # single, count, relation: relations are most prompts, so uniform would starve the rest


@cache
def _split() -> tuple[tuple[str, ...], tuple[str, ...]]:
    train, held_out = [], []
    order = np.random.default_rng(20240229)
    for kind in range(len(KINDS)):
        prompts = [scene.prompt for scene in all_scenes() if scene.kind == kind]
        shuffled = [prompts[i] for i in order.permutation(len(prompts))]
        cut = round(HELD_OUT_SHARE * len(prompts))
        held_out += shuffled[:cut]
        train += shuffled[cut:]
    return tuple(train), tuple(held_out)


def train_prompts() -> list[str]:
    """The prompts the base model is trained on (85 % of each kind)."""
    return list(_split()[0])


def held_out_prompts() -> list[str]:
    """The prompts no training ever sees (15 % of each kind; every colour and shape occurs elsewhere in training)."""
    return list(_split()[1])


def _kind_weights(kinds: np.ndarray) -> np.ndarray:
    sizes = np.bincount(kinds, minlength=len(KINDS))
    weights = (np.array(KIND_SHARES) / np.maximum(sizes, 1))[kinds]
    return weights / weights.sum()


def sample_rows(pool: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw scene rows, ``(count, 7)``, from ``pool`` ``(P, 7)`` so that each kind has its share of ``KIND_SHARES``."""
    return pool[rng.choice(len(pool), count, p=_kind_weights(pool[:, 0]))]


def sample_prompts(pool: list[str], count: int, rng: np.random.Generator) -> list[str]:
    """Draw ``count`` prompts from ``pool``, each kind by its share of ``KIND_SHARES``."""
    return [pool[i] for i in rng.choice(len(pool), count, p=_kind_weights(rows(pool)[:, 0]))]
