"""Rewards on pretrained networks equal what transformers computes from PIL images, on tiny networks of the same make."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import transformers
from PIL import Image
from safetensors.torch import load_file
from transformers.image_transforms import get_resize_output_image_size

from genrl.rewards.aesthetic import Aesthetic
from genrl.rewards.clip_score import ClipScore
from genrl.rewards.dino_diversity import DinoDiversity
from genrl.rewards.hpsv2 import Hpsv2
from genrl.rewards.media import as_bytes
from genrl.rewards.pickscore import PickScore
from genrl.rewards.siglip_score import SiglipScore
from genrl.testing import assert_conforms, check_component
from tests.rewards import tiny_checkpoints

#: The second is cut off by networks that read 16 tokens.
PROMPTS = ["a red circle", "Two blue squares left of a dog", "a red circle", ""]
GROUPS = [0, 1, 0, 1]
every_reward = pytest.mark.parametrize(
    "name", ["pickscore", "clip-score", "siglip-score", "hpsv2", "aesthetic", "dino-diversity"]
)


@pytest.fixture(scope="module")
def rewards(tmp_path_factory):
    """Each reward on a tiny checkpoint."""
    folder = tmp_path_factory.mktemp("checkpoints")
    clip, wide = tiny_checkpoints.clip(folder / "clip"), tiny_checkpoints.clip(folder / "wide", width=768)
    return {
        "pickscore": PickScore(checkpoint=clip, processor=clip),
        "clip-score": ClipScore(checkpoint=clip),
        "siglip-score": SiglipScore(checkpoint=tiny_checkpoints.siglip(folder / "siglip")),
        "hpsv2": Hpsv2(checkpoint=clip),
        "aesthetic": Aesthetic(checkpoint=wide, head=tiny_checkpoints.aesthetic_head(folder / "head.safetensors")),
        "dino-diversity": DinoDiversity(checkpoint=tiny_checkpoints.dino(folder / "dino")),
    }


def pictures(height: int, width: int) -> torch.Tensor:
    """(4, 3, H, W): smooth colour fields of whole bytes, far enough from black and white that no filter leaves [0, 1]."""
    coarse = 0.2 + 0.6 * torch.rand(4, 3, 6, 4, generator=torch.Generator().manual_seed(width))
    return as_bytes(F.interpolate(coarse, (height, width), mode="bilinear")) / 255


def resized_by_pil(pixels, height, width, resample=Image.Resampling.BICUBIC):
    """(B, 3, height, width), each channel as a picture of floats, which PIL does not round."""
    planes = [Image.fromarray(plane.numpy()).resize((width, height), resample) for plane in pixels.flatten(0, 1)]
    return torch.from_numpy(np.stack([np.asarray(plane) for plane in planes])).unflatten(0, (-1, 3))


@torch.no_grad()
def score(reward, pixels):
    return torch.as_tensor(reward(prompts=PROMPTS, completions=pixels, groups=GROUPS)).double()


def by_processor(checkpoint, pixels):
    processor = transformers.AutoImageProcessor.from_pretrained(checkpoint, backend="pil")
    images = [Image.fromarray(as_bytes(picture).permute(1, 2, 0).numpy()) for picture in pixels]
    return processor(images, return_tensors="pt").pixel_values


def by_floats(checkpoint, pixels):
    """As the processor does it, less the rounding to bytes, which such rough networks would make much of."""
    processor = transformers.AutoImageProcessor.from_pretrained(checkpoint, backend="pil")
    size = processor.size
    if size.shortest_edge:
        size = get_resize_output_image_size(pixels[0].numpy(), size.shortest_edge, default_to_square=False)
    else:
        size = (size.height, size.width)
    arrays = list(resized_by_pil(pixels, *size, processor.resample).numpy())
    return processor(arrays, do_resize=False, do_rescale=False, return_tensors="pt").pixel_values


@torch.no_grad()
def by_transformers(reward, pixels, dtype=torch.float32, rounded=True):
    """(B,) float64: the checkpoint's own processor and the network's own forward pass."""
    model = transformers.AutoModel.from_pretrained(reward.checkpoint).eval().to(dtype)
    seen = (by_processor if rounded else by_floats)(reward.checkpoint, pixels).to(dtype)
    if isinstance(reward, DinoDiversity):
        features = model(pixel_values=seen).pooler_output.double()
        return 1 - F.cosine_similarity(features, features[[2, 3, 0, 1]])
    if isinstance(reward, Aesthetic):
        return by_layers(load_file(reward.head), model.get_image_features(pixel_values=seen).pooler_output.double())
    tokenizer = transformers.AutoTokenizer.from_pretrained(reward.checkpoint)
    lower = isinstance(reward, SiglipScore)
    texts = tokenizer(
        [prompt.lower() for prompt in PROMPTS] if lower else PROMPTS,
        padding="max_length" if lower else True,
        truncation=True,
        max_length=16,
        return_tensors="pt",
    )
    logits = model(**texts, pixel_values=seen).logits_per_image.diagonal().double()
    return logits / model.logit_scale.exp().double() if isinstance(reward, ClipScore | Hpsv2) else logits


def by_layers(weights, features):
    features = features / features.norm(dim=1, keepdim=True)
    for k in (0, 2, 4, 6, 7):
        features = features @ weights[f"layers.{k}.weight"].double().T + weights[f"layers.{k}.bias"].double()
    return features[:, 0]


@every_reward
def test_equals_transformers(rewards, name):
    reward = rewards[name]
    native = pictures(36, 36) if name == "dino-diversity" else pictures(32, 32)
    expected = by_transformers(reward, native)
    assert expected.std() > 1e-3, "the pictures have to differ for the comparison to mean anything"
    torch.testing.assert_close(score(reward, native), expected, rtol=1e-5, atol=1e-5)


@every_reward
@pytest.mark.parametrize("size", [(48, 40), (20, 90)])
def test_equals_transformers_at_other_sizes(rewards, name, size):
    if name == "hpsv2":
        pytest.skip("black bars are no setting of CLIP's processor; see the next test")
    expected = by_transformers(rewards[name], pictures(*size), rounded=False)
    torch.testing.assert_close(score(rewards[name], pictures(*size)), expected, rtol=1e-4, atol=1e-4)


def test_hpsv2_puts_black_bars_beside_what_is_not_square(rewards):
    pixels = pictures(64, 40)
    boxed = F.pad(resized_by_pil(pixels, 32, 20), (6, 6))
    cropped, found = score(rewards["clip-score"], pixels), score(rewards["hpsv2"], pixels)
    torch.testing.assert_close(found, score(rewards["clip-score"], boxed), rtol=1e-4, atol=1e-4)
    assert (found - cropped).abs().max() > 1e-2


@every_reward
def test_does_not_depend_on_the_batch_and_is_deterministic(rewards, name):
    reward, pixels = rewards[name], pictures(40, 40)
    together = score(reward, pixels)
    assert torch.equal(score(reward, pixels), together)
    small = dataclasses.replace(reward, batch_size=1)
    torch.testing.assert_close(score(small, pixels), together, rtol=1e-5, atol=1e-6)


@every_reward
def test_conforms(rewards, name):
    assert_conforms(check_component(rewards[name]))


@every_reward
def test_bfloat16(rewards, name):
    """As transformers in bfloat16, but for the cosine, which is taken in float32 here."""
    native = pictures(36, 36) if name == "dino-diversity" else pictures(32, 32)
    low = dataclasses.replace(rewards[name], dtype="bfloat16")
    found = score(low, native)
    assert not torch.equal(found, score(rewards[name], native))
    expected = by_transformers(low, native, torch.bfloat16)
    # transformers rounds the features, their cosine and its scale to 8 bits once more.
    scale = {"pickscore": 14.3, "siglip-score": 3.0}.get(name, 1.0)
    torch.testing.assert_close(found, expected, rtol=0, atol=scale * 2**-7)


@every_reward
def test_is_not_drawn_into_mixed_precision(rewards, name):
    """Evaluation runs under the trainer's autocast; its scores have to be those of training."""
    pixels = pictures(40, 40)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = score(rewards[name], pixels)
    assert torch.equal(mixed, score(rewards[name], pixels))


@every_reward
def test_gradient_is_that_of_the_score(rewards, name):
    pixels = pictures(40, 40).requires_grad_()
    reward = rewards[name]
    total = reward(prompts=PROMPTS, completions=pixels, groups=GROUPS).sum()
    (gradient,) = torch.autograd.grad(total, pixels)
    with torch.no_grad():
        way = 1e-5 * gradient / gradient.abs().max()
        change = score(reward, pixels + way).sum() - score(reward, pixels - way).sum()
    torch.testing.assert_close((2 * gradient * way).sum().double(), change, rtol=0.02, atol=0)


def test_scales(rewards):
    pick, clip = rewards["pickscore"], rewards["clip-score"]
    pixels = pictures(32, 32)
    # CLIP's initial scale is exp(2.6592); the published one is trained to 100.
    torch.testing.assert_close(score(pick, pixels), 14.2849 * score(clip, pixels), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(score(dataclasses.replace(pick, divisor=26.0), pixels) * 26, score(pick, pixels))


def test_known_answers_are_pictures_of_a_prompt(rewards):
    columns, good, bad = rewards["pickscore"].known_answers()
    assert columns == {"prompt": "a red circle"}
    assert good.shape == bad.shape == (3, 256, 256)
    # The middle is red and a corner white; the other picture has no two pixels alike.
    assert good[:, 128, 128].tolist() == pytest.approx([220 / 255, 0, 0])
    assert good[:, 0, 0].tolist() == [1, 1, 1]
    assert score(rewards["pickscore"], torch.stack([good, bad, good, bad])).isfinite().all()


def test_diversity_of_groups(rewards):
    reward, pixels = rewards["dino-diversity"], pictures(36, 36)
    same = pixels[[0, 0, 0, 1]]
    torch.testing.assert_close(
        reward(prompts=PROMPTS, completions=same, groups=[5, 5, 5, 5])[:3].mean() * 3,
        reward(prompts=PROMPTS, completions=same, groups=[5, 5, 5, 5])[3],
        rtol=1e-4,
        atol=1e-6,
    )
    alone = reward(prompts=PROMPTS, completions=same, groups=[0, 0, 1, 2])
    assert alone[:2] == pytest.approx([0.0, 0.0], abs=1e-6)
    assert alone[2:] == [None, None]
