"""Invariants of a flow model. Run them on tiny random weights: every check asks the network a few times."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from genrl.protocols import FlowModel
from genrl.testing.check import expect, expect_close
from genrl.types import Condition

TEXTS = ["a red circle", "two blue squares"]
SIGMA = 0.6


def check_grid_descends_from_one_to_zero(model: FlowModel) -> None:
    for steps in (2, 4, 9):
        sigmas = model.sigmas(steps)
        expect(len(sigmas) == steps + 1, f"{steps} steps have {steps + 1} sigmas, got {len(sigmas)}.")
        expect(all(type(s) is float for s in sigmas), "sigmas must be Python floats.")
        expect(0.9 < sigmas[0] <= 1.0, f"The grid starts at {sigmas[0]}, not near 1.")
        expect(sigmas[-1] == 0.0, f"The grid ends at {sigmas[-1]}, not at 0.")
        expect(all(s > t for s, t in pairwise(sigmas)), f"The grid does not descend: {sigmas}.")


def check_encodes_each_text_once(model: FlowModel) -> None:
    new = "a text that nobody has encoded before"
    first, encoded = model.encode([new, TEXTS[0], new])
    expect(len(first) == 3, f"Three texts are three rows, got {len(first)}.")
    expect(1 <= encoded <= 2, f"One or two distinct texts were new, {encoded} were encoded.")
    _, again = model.encode([new, TEXTS[0]])
    expect(again == 0, f"Texts that are encoded already were encoded again ({again}).")


@torch.no_grad()
def check_velocity_is_float32_and_finite(model: FlowModel) -> None:
    x = _noise(model, 2)
    velocity = model.velocity(x, SIGMA, _condition(model))
    expect(velocity.dtype == torch.float32, f"A velocity is float32, got {velocity.dtype}.")
    expect(velocity.shape == x.shape, f"A velocity has the shape of x, got {tuple(velocity.shape)}.")
    expect(bool(velocity.isfinite().all()), "A velocity is NaN or infinite.")


@torch.no_grad()
def check_batch_of_one_is_a_row_of_a_batch(model: FlowModel) -> None:
    x, condition = _noise(model, 2), _condition(model)
    together = model.velocity(x, SIGMA, condition)
    for b in range(2):
        alone = model.velocity(x[b : b + 1], SIGMA, condition.rows([b]))
        scale = together.abs().max().item()
        sentence = f"Row {b} alone must get the velocity it gets in a batch"
        expect_close(alone[0], together[b], sentence, rtol=1e-3, atol=1e-4 * scale)


@torch.no_grad()
def check_each_row_may_have_its_own_sigma(model: FlowModel) -> None:
    x, condition, sigmas = _noise(model, 3), model.encode([*TEXTS, TEXTS[0]])[0], torch.tensor([0.9, SIGMA, 0.3])
    together = model.velocity(x, sigmas, condition)
    for b, sigma in enumerate(sigmas.tolist()):
        alone = model.velocity(x[b : b + 1], sigma, condition.rows([b]))
        scale = together.abs().max().item()
        sentence = f"Row {b} must get the velocity at its own sigma"
        expect_close(together[b], alone[0], sentence, rtol=1e-3, atol=1e-4 * scale)


@torch.no_grad()
def check_listens_to_the_prompt(model: FlowModel) -> None:
    x = _noise(model, 1).expand(2, *model.latent_shape()).contiguous()
    velocity = model.velocity(x, SIGMA, _condition(model))
    # Equal rows of a batch may differ in their last bits.
    different = not torch.allclose(velocity[0], velocity[1], rtol=1e-5, atol=1e-6)
    expect(different, "Two prompts get the same velocity at one state.")


@torch.no_grad()
def check_velocity_is_pure(model: FlowModel) -> None:
    """Asked at other levels and for other rows in between, as learning does."""
    x, condition = _noise(model, 2), _condition(model)
    kept = x.clone()
    first = model.velocity(x, SIGMA, condition)
    model.velocity(x[:1], 0.9, condition.rows([1]))
    again = model.velocity(x, SIGMA, condition)
    expect_close(again, first, "Asked twice, the network must answer the same", rtol=1e-5, atol=1e-6)
    expect(torch.equal(x, kept), "The model writes to the state it is asked at.")


def check_gradient_reaches_the_weights(model: FlowModel) -> None:
    parameters = [p for network in model.networks.values() for p in network.parameters() if p.requires_grad]
    expect(bool(parameters), "No parameter of `networks` is trainable.")
    with torch.enable_grad():
        velocity = model.velocity(_noise(model, 2), SIGMA, _condition(model))
        slopes = torch.autograd.grad(velocity.square().mean(), parameters, allow_unused=True)
    reached = [slope for slope in slopes if slope is not None and bool((slope != 0.0).any())]
    expect(bool(reached), "No gradient reaches the weights.")
    expect(all(bool(slope.isfinite().all()) for slope in reached), "A gradient is NaN or infinite.")


@torch.no_grad()
def check_decodes_into_pictures(model: FlowModel) -> None:
    pictures = model.decode(_noise(model, 2))
    good = pictures.ndim in (4, 5) and len(pictures) == 2 and pictures.shape[-3] == 3
    expect(good, f"Decoded are (B, 3, H, W) or (B, F, 3, H, W), got {tuple(pictures.shape)}.")
    expect(pictures.dtype == torch.float32, f"Decoded pictures are float32, got {pictures.dtype}.")
    expect(bool((pictures >= 0.0).all() & (pictures <= 1.0).all()), "Decoded pictures leave [0, 1].")


@torch.no_grad()
def check_encodes_pictures_into_latents(model: FlowModel) -> None:
    """How well they decode again depends on weights; that they are latents does not."""
    shape = model.media_shape()
    pictures = torch.rand((2, *shape), generator=torch.Generator().manual_seed(0)).to(model.device)
    latents = model.encode_media(pictures)
    expect(latents.shape == (2, *model.latent_shape()), f"Encoded are latents (B, *L), got {tuple(latents.shape)}.")
    expect(latents.dtype == torch.float32, f"Latents are float32, got {latents.dtype}.")
    expect(bool(latents.isfinite().all()), "A latent is NaN or infinite.")
    expect(model.decode(latents).shape == pictures.shape, "Encoded pictures decode to another shape.")
    for b in range(2):
        sentence = f"Picture {b} alone must be encoded as it is in a batch"
        expect_close(model.encode_media(pictures[b : b + 1])[0], latents[b], sentence, rtol=1e-3, atol=1e-4)


def _condition(model: FlowModel) -> Condition:
    return model.encode(TEXTS)[0]


def _noise(model: FlowModel, rows: int) -> Tensor:
    drawn = torch.randn((rows, *model.latent_shape()), generator=torch.Generator().manual_seed(0))
    return drawn.to(model.device)


CHECKS = (
    check_grid_descends_from_one_to_zero,
    check_encodes_each_text_once,
    check_velocity_is_float32_and_finite,
    check_batch_of_one_is_a_row_of_a_batch,
    check_each_row_may_have_its_own_sigma,
    check_listens_to_the_prompt,
    check_velocity_is_pure,
    check_gradient_reaches_the_weights,
    check_decodes_into_pictures,
    check_encodes_pictures_into_latents,
)
