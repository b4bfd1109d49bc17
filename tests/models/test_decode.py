"""Decoding is the pipeline's own tail."""

import pytest
import torch

from genrl.models import DiffusersModel
from tests.models.recording import families
from tests.tiny_pipelines import build


@pytest.mark.parametrize("recorded", families(), indirect=True)
def test_decode_gives_the_pipelines_media(recorded):
    media = recorded.model.decode(recorded.states[-1].float())
    assert media.dtype == torch.float32
    assert 0.0 <= float(media.min()) < float(media.max()) <= 1.0
    torch.testing.assert_close(media, recorded.media.float(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("family", "frames"), [("prx", None), ("flux", None), ("wan", 9)])
def test_media_have_their_channels_before_height_and_width(family, frames):
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call)
    media = model.decode(torch.randn(3, *model.latent_shape()))
    assert media.shape == (3, *([frames] if frames else []), 3, 16, 16)
    assert not media.requires_grad


def test_pixel_space_follows_the_post_processing_not_the_raw_output():
    tiny = build("prx")
    model = DiffusersModel(tiny.pipe, tiny.call)
    latents = torch.tensor([-2.0, -1.0, 0.0, 1.0])[:, None, None, None].expand(4, *model.latent_shape())
    assert model.decode(latents)[:, 0, 0, 0].tolist() == [0.0, 0.0, 0.5, 1.0]


def test_decoding_needs_nothing_before_it():
    tiny = build("flux-true-cfg")
    media = DiffusersModel(tiny.pipe, tiny.call).decode(torch.zeros(2, 64, 4))
    assert media.shape == (2, 3, 16, 16)


def test_sub_batches_change_nothing():
    tiny = build("sd3")
    model, small = (DiffusersModel(tiny.pipe, tiny.call, decode_rows=rows) for rows in (16, 2))
    latents = torch.randn(5, *model.latent_shape())
    torch.testing.assert_close(small.decode(latents), model.decode(latents), atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", ["prx", "sd3", "flux", "wan", "qwen", "sana"])
def test_decoding_is_differentiable_where_the_latents_are(family):
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call)
    latents = 0.3 * torch.randn(2, *model.latent_shape(), generator=torch.Generator().manual_seed(0))
    expected = model.decode(latents)
    latents.requires_grad_()
    media = model.decode(latents)
    torch.testing.assert_close(media, expected, atol=1e-5, rtol=0)
    direction = torch.randn(media.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((media * direction).sum(), latents)
    # The slope along the gradient, from both sides; decoders compute in float32.
    step = 1e-3 * gradient / gradient.norm()
    with torch.no_grad():
        ahead, behind = (((model.decode(latents + s) * direction).double()).sum() for s in (step, -step))
    assert float((ahead - behind) / 2e-3) == pytest.approx(float(gradient.norm()), rel=0.05)
