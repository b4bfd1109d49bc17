"""Pictures become latents in the pipeline's own convention, found by asking the pipeline."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genrl.errors import ModelError
from genrl.models import DiffusersModel
from genrl.models.encoding import Rearrangement
from tests.tiny_pipelines import build

CPU = torch.device("cpu")


def pictures(model: DiffusersModel, rows: int = 2) -> Tensor:
    return torch.rand((rows, *model.media_shape()), generator=torch.Generator().manual_seed(0))


def mode(vae, media: Tensor) -> Tensor:
    with torch.no_grad():
        return vae.encode(2.0 * media - 1.0).latent_dist.mode()


def scaled(vae, media: Tensor) -> Tensor:
    """The convention of SD3 and, before packing, of FLUX."""
    return (mode(vae, media) - vae.config.shift_factor) * vae.config.scaling_factor


def sd3(pipe, media: Tensor) -> Tensor:
    return scaled(pipe.vae, media)


def flux(pipe, media: Tensor) -> Tensor:
    z = scaled(pipe.vae, media)
    return pipe._pack_latents(z, *z.shape)


def wan(pipe, media: Tensor) -> Tensor:
    mean, std = (
        torch.tensor(part).view(1, -1, 1, 1, 1) for part in (pipe.vae.config.latents_mean, pipe.vae.config.latents_std)
    )
    return (mode(pipe.vae, media.movedim(1, 2)) - mean) / std


@pytest.mark.parametrize(("family", "convention"), [("sd3", sd3), ("flux", flux), ("wan", wan)])
def test_latents_are_those_of_the_pipelines_convention(family, convention):
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call)
    media = pictures(model)
    latents = model.encode_media(media)
    assert latents.dtype == torch.float32
    torch.testing.assert_close(latents, convention(tiny.pipe, media), rtol=1e-4, atol=1e-5)
    assert not latents.requires_grad


@pytest.mark.parametrize("family", ["sd3", "flux", "wan", "qwen"])
def test_decoding_them_is_the_autoencoders_own_reconstruction(family):
    """As close as the autoencoder is one: random weights are not, so it is compared with itself."""
    tiny = build(family)
    model, vae = DiffusersModel(tiny.pipe, tiny.call), tiny.pipe.vae
    media = pictures(model)
    frames = media.movedim(1, 2) if media.ndim == 5 else media
    if family == "qwen":  # its pictures are videos of one frame
        frames = frames.unsqueeze(2)
    with torch.no_grad():
        again = (vae.decode(mode(vae, frames)).sample / 2.0 + 0.5).clamp(0.0, 1.0)
    again = again.movedim(2, 1)[:, 0] if family == "qwen" else again.movedim(1, 2) if media.ndim == 5 else again
    torch.testing.assert_close(model.decode(model.encode_media(media)), again, rtol=1e-3, atol=1e-4)


def test_in_pixel_space_they_decode_to_the_same_picture():
    tiny = build("prx")
    model = DiffusersModel(tiny.pipe, tiny.call)
    media = pictures(model)
    torch.testing.assert_close(model.decode(model.encode_media(media)), media, rtol=0, atol=1e-6)


def test_a_model_in_bfloat16_has_the_constants_of_float32():
    tiny, half = build("sd3"), build("sd3")
    exact = DiffusersModel(tiny.pipe, tiny.call)
    model = DiffusersModel(half.pipe.to(torch.bfloat16), half.call)
    for one in (exact, model):
        one.encode_media(pictures(one))
    assert torch.equal(model._rearrangement.scale, exact._rearrangement.scale)
    assert torch.equal(model._rearrangement.offset, exact._rearrangement.offset)


def test_the_pipeline_is_left_as_it_was():
    tiny = build("flux")
    vae = tiny.pipe.vae
    model = DiffusersModel(tiny.pipe, tiny.call)
    before = model.decode(torch.zeros(1, *model.latent_shape()))
    model.encode_media(pictures(model))
    assert tiny.pipe.vae is vae
    assert torch.equal(model.decode(torch.zeros(1, *model.latent_shape())), before)


def test_places_of_many_latents_are_all_found():
    order = torch.randperm(300_000, generator=torch.Generator().manual_seed(0))
    found = Rearrangement.of(lambda x: (3.3 * x.flatten()[order] - 0.7)[None], (3, 100_000), CPU)
    assert torch.equal(found.place, order)


@pytest.mark.parametrize(
    "tail",
    [
        lambda x: x.tanh(),
        lambda x: x[:, :2],
        lambda x: x + 0.1 * x.mean(),
        lambda x: torch.cat([x[:, :3], x[:, :1]], dim=1),
        lambda x: torch.zeros_like(x),
    ],
    ids=["not affine", "cut", "mixed", "twice", "lost"],
)
def test_what_is_no_rearrangement_is_found_out(tail):
    assert Rearrangement.of(tail, (4, 2), CPU) is None


def test_a_pipeline_that_does_more_is_refused_in_a_sentence(monkeypatch):
    tiny = build("sd3")
    model = DiffusersModel(tiny.pipe, tiny.call)
    monkeypatch.setattr(model._driver, "tail", lambda latents: latents.sinh())
    with pytest.raises(ModelError, match="does more to its latents than to rearrange and scale them"):
        model.encode_media(pictures(model))


def test_a_picture_of_another_size_is_refused():
    tiny = build("sd3")
    model = DiffusersModel(tiny.pipe, tiny.call)
    with pytest.raises(ModelError, match=r"\(3, 8, 8\) is no picture of this pipeline"):
        model.encode_media(torch.zeros(1, 3, 8, 8))


def test_resized_pictures_of_pixel_space_have_no_gradient():
    tiny = build("prx")
    model = DiffusersModel(tiny.pipe, tiny.call)
    model._media_shape = (3, 12, 16)
    with pytest.raises(ModelError, match="use_resolution_binning=false"):
        model.decode(torch.zeros(1, *model.latent_shape(), requires_grad=True))
