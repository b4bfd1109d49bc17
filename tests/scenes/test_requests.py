"""Loose requests mean one scene each, and what is held out stays apart."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256

import numpy as np
import pytest
import torch

from genrl.errors import PromptError
from genrl.prompts import train_and_heldout
from genrl.registry import entry
from genrl.scenes import ScenesFaithfulness, ScenesReward
from genrl.scenes.drawing import draw
from genrl.scenes.faithfulness import turned
from genrl.scenes.grammar import COLOURS, COUNT, NUMBERS, RELATION, RELATIONS, SHAPES, SINGLE, all_scenes, parse, rows
from genrl.scenes.prompts import held_out_prompts
from genrl.scenes.requests import ScenesRequests
from genrl.scenes.requests.compose import ORDERS, compose, opposite
from genrl.scenes.requests.source import held_out_requests, scene_pools, train_requests
from genrl.scenes.requests.words import BACKWARD, COLOUR_WORDS, NUMBER_WORDS, PREPOSITIONS, SHAPE_ADJECTIVES, SHAPE_NOUNS
from genrl.types import Prompt


def test_every_word_of_the_world_has_its_words_and_no_word_means_two_things() -> None:
    assert tuple(COLOUR_WORDS) == COLOURS
    assert tuple(SHAPE_NOUNS) == tuple(SHAPE_ADJECTIVES) == SHAPES
    assert tuple(NUMBER_WORDS) == NUMBERS
    assert tuple(PREPOSITIONS) == tuple(BACKWARD) == RELATIONS
    meanings = Counter(
        word
        for table in (COLOUR_WORDS, PREPOSITIONS, BACKWARD, {s: SHAPE_NOUNS[s] + SHAPE_ADJECTIVES[s][1:] for s in SHAPES})
        for words in table.values()
        for word in words
        if word not in ("left of", "right of")
    )
    assert max(meanings.values()) == 1


def test_the_requests_are_those_that_the_shipped_writer_was_held_out_from() -> None:
    """Other tables would let a held-out request have been seen by the writer, or make documented numbers unrepeatable."""
    for requests, count, digest in ((held_out_requests(), 240, "388ded7d8207"), (train_requests(), 4000, "ca9fd4f64ca8")):
        assert len(requests) == len({request.text for request in requests}) == count
        lines = "\n".join(f"{request.text}\t{request.truth}" for request in requests)
        assert sha256(lines.encode()).hexdigest().startswith(digest)


def test_train_and_held_out_are_apart() -> None:
    train, held_out = train_requests(), held_out_requests()
    assert not {request.text for request in train} & {request.text for request in held_out}
    asked = {request.truth for request in train}
    new = [request for request in held_out if request.truth not in asked]
    assert len(new) >= 120
    unseen = {turned(parse(prompt)) for prompt in held_out_prompts()}
    assert sum(parse(request.truth) in unseen for request in held_out) == 120
    assert not unseen & {parse(request.truth) for request in train}


def test_pools_divide_the_scenes() -> None:
    known, new = scene_pools()
    scenes = [scene for pool in (*known, *new) for scene in pool]
    assert len(scenes) == len(set(scenes)) == len({turned(scene) for scene in all_scenes()})
    assert all(scene.kind == kind for pools in (known, new) for kind, pool in enumerate(pools) for scene in pool)
    assert all(pool for pools in (known, new) for pool in pools)


def test_kinds_and_orders_have_their_shares() -> None:
    kinds = Counter(request.scene.kind for request in train_requests())
    assert kinds[SINGLE] / 4000 == pytest.approx(0.25, abs=0.03)
    assert kinds[COUNT] / 4000 == pytest.approx(0.15, abs=0.03)
    orders = Counter(request.order for request in train_requests() if request.scene.kind == RELATION)
    assert min(orders[order] for order in ORDERS) > 0.25 * kinds[RELATION]


def test_the_ground_truth_is_what_the_scorer_wants() -> None:
    """The scene, cleanly drawn, is strictly right for its request, and the scene with one thing changed is not."""
    asked = [Prompt(row["prompt"], {"scene": row["scene"]}) for row in ScenesRequests().rows("heldout")]
    truths = [prompt.columns["scene"] for prompt in asked]
    pictures = torch.from_numpy(draw(rows(truths), np.ones(len(truths)), np.random.default_rng(0)))
    strict = ScenesReward().metrics([prompt.text for prompt in asked], pictures, scene=truths)["strict"]
    assert np.mean(strict) >= 0.98
    other = truths[1:] + truths[:1]
    wrong = ScenesReward().metrics([prompt.text for prompt in asked], pictures, scene=other)["strict"]
    assert np.mean(wrong) < 0.02
    assert ScenesFaithfulness()(asked, truths) == [1.0] * len(asked)


@pytest.mark.parametrize("scene", all_scenes()[::37])
def test_a_request_names_everything_in_its_scene(scene) -> None:
    for seed in range(5):
        request = compose(scene, np.random.default_rng(seed))
        assert turned(request.scene) == turned(scene)
        assert request.truth == turned(scene).prompt
        objects = [(request.scene.colour, request.scene.shape), (request.scene.other_colour, request.scene.other_shape)]
        for phrase, (colour, shape) in zip(request.phrases, objects, strict=False):
            assert phrase.text in request.text
            assert phrase.colour in COLOUR_WORDS[COLOURS[colour]]
            assert phrase.shape in (*SHAPE_NOUNS[SHAPES[shape]], *SHAPE_ADJECTIVES[SHAPES[shape]])
            assert phrase.colour in phrase.text
            assert phrase.shape in phrase.text


def test_the_order_of_a_sentence_is_kept_in_its_scene() -> None:
    """The first object of the scene is the one that the preposition places."""
    forward = [request for request in train_requests() if request.scene.kind == RELATION and request.order == "forward"]
    for request in forward:
        before, _, after = request.text.partition(request.phrases[0].text)
        relation = RELATIONS[request.scene.relation]
        assert any(after.startswith(f" {word} {request.phrases[1].text}") for word in PREPOSITIONS[relation]), request.text
    pointing = [request for request in train_requests() if request.order == "pointing"]
    for request in pointing:
        assert request.text.index(request.phrases[1].text) < request.text.rindex(request.phrases[0].text)
        assert any(word in request.text for word in BACKWARD[RELATIONS[request.scene.relation]])


def test_the_opposite_is_the_same_scene() -> None:
    for scene in all_scenes():
        if scene.kind == RELATION:
            assert opposite(scene) != scene == opposite(opposite(scene))
            assert turned(opposite(scene)) == turned(scene)


def test_the_table_is_registered_and_loads_as_a_source() -> None:
    assert entry("prompts", "scenes-requests").target is ScenesRequests
    train, held_out = train_and_heldout("scenes-requests", count=4)
    assert train.column == held_out.column == "prompt"
    (prompt,) = held_out.draw(0, 1)
    assert parse(prompt.columns["scene"])
    with pytest.raises(PromptError, match="heldout"):
        ScenesRequests().rows("validation")
