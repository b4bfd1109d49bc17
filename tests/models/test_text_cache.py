"""Each text is encoded once, alone, and batches are what the pipeline would have encoded."""

import pytest
import torch

from genrl.errors import ModelError
from genrl.models import DiffusersModel
from genrl.models.text_cache import Encodings
from genrl.types import Condition
from tests.tiny_pipelines import PROMPTS, build

CPU = torch.device("cpu")


def encoder_forwards(pipe):
    """A list that grows by one with each forward of the pipeline's first text encoder."""
    seen = []
    pipe.text_encoder.register_forward_pre_hook(lambda module, args: seen.append(1))
    return seen


@pytest.mark.parametrize("family", ["prx", "sd3", "flux-true-cfg", "qwen", "sana"])
def test_each_text_is_encoded_once_ever(family):
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call)
    model.encode(["warm up"])
    seen = encoder_forwards(tiny.pipe)
    condition, count = model.encode([*PROMPTS, PROMPTS[0]])
    assert condition == Condition((*PROMPTS, PROMPTS[0]))
    assert count == len(seen) == 2
    assert model.encode([PROMPTS[1], "a star"])[1] == 1
    assert model.encode([PROMPTS[1], "a star"])[1] == 0
    model.velocity(torch.randn(3, *model.latent_shape()), model.sigmas(3)[0], condition)
    model.decode(torch.randn(3, *model.latent_shape()))
    assert len(seen) == 3


@pytest.mark.parametrize("family", ["prx", "sd3", "flux", "qwen", "z-image", "sana"])
@torch.no_grad()
def test_batch_equals_what_the_pipeline_encodes(family):
    """What reaches the network, against the pipeline's own encoding of the same batch."""
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call)
    texts = [PROMPTS[1], PROMPTS[0], "a star", PROMPTS[0]]
    condition, _ = model.encode(texts)
    x = torch.randn(4, *model.latent_shape(), generator=torch.Generator().manual_seed(0))
    expected = _first_velocity(tiny, texts, x, model.sigmas(4)[0])
    torch.testing.assert_close(model.velocity(x, model.sigmas(4)[0], condition), expected, atol=5e-5, rtol=1e-4)


def _first_velocity(tiny, texts, x, sigma):
    class Stop(Exception):
        pass

    seen = []

    def step(velocity, *args, **kwargs):
        seen.append(velocity)
        raise Stop

    tiny.pipe.scheduler.step = step
    with pytest.raises(Stop):
        tiny.pipe(prompt=list(texts), num_inference_steps=4, latents=x, **tiny.arguments(len(texts)))
    del tiny.pipe.scheduler.step
    return seen[0].float()


def test_prompt_that_was_never_encoded_is_refused():
    tiny = build("prx")
    model = DiffusersModel(tiny.pipe, tiny.call)
    with pytest.raises(ModelError, match=r"'a ghost' was never encoded; pass it to model\.encode"):
        model.velocity(torch.randn(1, *model.latent_shape()), 0.5, Condition(("a ghost",)))


def test_number_of_prompts_has_to_match():
    tiny = build("prx")
    model = DiffusersModel(tiny.pipe, tiny.call)
    condition, _ = model.encode(PROMPTS)
    with pytest.raises(ModelError, match="3 latents but 2 prompts"):
        model.velocity(torch.randn(3, *model.latent_shape()), 0.5, condition)


def words(texts):
    """Rows that are padded to the longest text of the batch."""
    lengths = [len(text.split()) for text in texts]
    embeds = torch.zeros(len(texts), max(lengths), 2)
    for row, length in enumerate(lengths):
        embeds[row, :length] = torch.arange(1.0, length + 1)[:, None]
    return embeds, (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()


def masked_if_uneven(texts):
    embeds, mask = words(texts)
    return embeds, None if mask.all() else mask


@pytest.mark.parametrize("encode", [words, masked_if_uneven, lambda texts: words(texts)[0]])
@pytest.mark.parametrize("texts", [("a b c", "a"), ("a", "b"), ("a", "a b", "a", "a b")])
def test_uneven_rows_are_padded_as_the_encoder_pads_them(encode, texts):
    encodings = Encodings(encode)
    encodings.add(texts)
    ours, theirs = encodings.batch(texts, CPU), encode(list(texts))
    ours, theirs = (value if isinstance(value, tuple) else (value,) for value in (ours, theirs))
    for a, b in zip(ours, theirs, strict=True):
        assert (a is None and b is None) or torch.equal(a, b)


def test_outputs_that_are_the_same_for_any_batch_and_lists_are_kept_as_they_are():
    encodings = Encodings(lambda texts: ([torch.full((len(t),), 1.0) for t in texts], torch.arange(5), None))
    encodings.add(("ab", "abc"))
    rows, ids, nothing = encodings.batch(("abc", "ab", "abc"), CPU)
    assert [len(row) for row in rows] == [3, 2, 3]
    assert torch.equal(ids, torch.arange(5))
    assert nothing is None


def test_negative_outputs_are_encoded_once():
    asked = []

    def encode(texts, guided):
        asked.append(guided)
        return words(texts)[0], torch.full((len(texts), 1, 2), 7.0) if guided else None

    encodings = Encodings(lambda texts: encode(texts, True), lambda texts: encode(texts, False))
    learnt = asked.count(True)
    encodings.add(("a b", "c"))
    assert asked.count(True) == learnt
    assert torch.equal(encodings.batch(("c", "a b"), CPU)[1], torch.full((2, 1, 2), 7.0))


def test_negative_outputs_that_follow_the_text_are_encoded_with_it():
    """As by Lumina, which pads the negative prompt to the length of the prompt."""

    def encode(texts, guided):
        embeds, _ = words(texts)
        return embeds, torch.full_like(embeds, 7.0) if guided else None

    encodings = Encodings(lambda texts: encode(texts, True), lambda texts: encode(texts, False))
    encodings.add(("a b c", "d"))
    assert torch.equal(encodings.batch(("a b c",), CPU)[1], torch.full((1, 3, 2), 7.0))
    assert torch.equal(encodings.batch(("d",), CPU)[1], torch.full((1, 1, 2), 7.0))
    assert encodings.together("a b c") != encodings.together("d")


def test_negative_outputs_may_have_their_rows_on_any_axis():
    def encode(texts, guided):
        layers = torch.stack([torch.full((len(texts), 3), float(layer)) for layer in range(2)])  # (layers, B, tokens)
        return words(texts)[0], layers if guided else None

    encodings = Encodings(lambda texts: encode(texts, True), lambda texts: encode(texts, False))
    encodings.add(("a b", "c"))
    assert torch.equal(encodings.batch(("c", "a b"), CPU)[1], encode(["c", "a b"], True)[1])


def test_encoding_that_depends_on_the_batch_is_refused():
    with pytest.raises(ModelError, match="encodes a text differently when other texts stand beside it"):
        Encodings(lambda texts: words(texts)[0] * len(texts))


def unmasked(texts):
    """Padding that is encoded like a word and that nothing tells apart."""
    return words(texts)[0] + 1.0


def test_texts_of_another_length_stay_out_of_a_batch_where_padding_changes_them():
    encodings = Encodings(unmasked)
    encodings.add(("a b", "c d", "e"))
    assert encodings.together("a b") == encodings.together("c d") != encodings.together("e")
    assert torch.equal(encodings.batch(("c d", "a b"), CPU), unmasked(["c d", "a b"]))
    mixed = Encodings(words)
    mixed.add(("a b", "e"))
    assert mixed.together("a b") == mixed.together("e")


def test_rows_on_another_axis_and_summed_up_lengths_are_put_together():
    def encode(texts, guided=True):
        embeds, mask = words(texts)
        lengths = mask.sum(1).cumsum(0).int()
        negative = torch.full((3, len(texts), 2, 2), 7.0) if guided else None
        return embeds.expand(3, *embeds.shape).clone(), torch.cat([lengths.new_zeros(1), lengths]), negative

    encodings = Encodings(encode, lambda texts: encode(texts, guided=False))
    texts = ("a b c", "a", "a b c", "a b")
    encodings.add(texts)
    for ours, theirs in zip(encodings.batch(texts, CPU), encode(list(texts)), strict=True):
        assert torch.equal(ours, theirs)
        assert ours.dtype == theirs.dtype


@torch.no_grad()
def test_each_prompt_gets_what_the_pipeline_gives_it_alone():
    """CogView4 pads to multiples of 16 tokens, without a mask."""
    tiny = build("cogview4")
    model = DiffusersModel(tiny.pipe, tiny.call)
    texts = ["a red cat", "and a green star and a dog and a red circle and a blue cat and a star", "a red cat"]
    condition, _ = model.encode(texts)
    x = torch.randn(3, *model.latent_shape(), generator=torch.Generator().manual_seed(0))
    sigma = model.sigmas(4)[0]
    ours = model.velocity(x, sigma, condition)
    for row, text in enumerate(texts):
        torch.testing.assert_close(ours[row], _first_velocity(tiny, [text], x[row : row + 1], sigma)[0], atol=5e-5, rtol=1e-4)
