"""Gradients reach what is trained, through the pipeline's own code."""

import pytest
import torch

from genrl.models import DiffusersModel, add_lora
from tests.models.recording import families
from tests.tiny_pipelines import PROMPTS, build

#: Parameters that the network itself never uses: the text half of the last block.
UNUSED = {
    "sd3": ("transformer_blocks.1.attn.add_q_proj",),
    "mochi": ("transformer_blocks.1.attn1.add_q_proj",),
    "hunyuan15": tuple(f"transformer_blocks.0.{part}" for part in ("attn.add_q_proj", "attn.to_add_out", "ff_context")),
    "qwen": tuple(f"transformer_blocks.1.{part}" for part in ("txt_m", "attn.to_add_out", "attn.add_q", "attn.norm_added_q")),
}


def backward(model, sigma=0.5):
    condition, _ = model.encode(PROMPTS)
    x = torch.randn(2, *model.latent_shape(), generator=torch.Generator().manual_seed(3))
    model.velocity(x, sigma, condition).square().sum().backward()


def without_gradient(model, family):
    """Names of the trained parameters that got no gradient, or none but zeros."""
    return [
        name
        for network in model.networks.values()
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
        and not name.startswith(UNUSED.get(family, ("-",)))
        and (parameter.grad is None or not parameter.grad.any() or not parameter.grad.isfinite().all())
    ]


@pytest.mark.parametrize("family", ["prx", "sd3", "flux", "flux-true-cfg", "wan"])
def test_full_gradient_reaches_every_parameter(family):
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call)
    backward(model)
    assert without_gradient(model, family) == []


@pytest.mark.parametrize("family", families())
def test_lora_gradient_reaches_every_adapter_and_nothing_else(family):
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call)
    add_lora(model, rank=2, alpha=4)
    for network in model.networks.values():
        for name, parameter in network.named_parameters():
            assert parameter.requires_grad == ("lora_" in name)
            if "lora_B" in name:  # zero at the start, which would leave lora_A without gradient
                torch.nn.init.normal_(parameter, std=0.1)
    for sigma in (0.95, 0.5):
        backward(model, sigma)
    assert without_gradient(model, family) == []


@pytest.mark.parametrize("family", families("sd3", "hidream"))
def test_gradient_is_the_slope(family):
    """Along one direction, against a difference in double precision; the experts of HiDream have no gradient in eval mode."""
    tiny = build(family)
    model = DiffusersModel(tiny.pipe.to(torch.float64), tiny.call)
    condition, _ = model.encode(PROMPTS[:1])
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(1, *model.latent_shape(), generator=generator)
    weights = list(model.networks["transformer"].parameters())
    directions = [torch.randn(w.shape, generator=generator, dtype=w.dtype) for w in weights]

    def loss(step):
        for weight, direction in zip(weights, directions, strict=True):
            weight.data += step * direction
        return model.velocity(x, 0.5, condition).double().mean()

    slopes = torch.autograd.grad(loss(0.0), weights, allow_unused=True)
    slope = sum((s * d).sum() for s, d in zip(slopes, directions, strict=True) if s is not None)
    with torch.no_grad():
        difference = (loss(1e-4) - loss(-2e-4)) / 2e-4
    torch.testing.assert_close(slope, difference, rtol=1e-3, atol=1e-4)


def test_gradient_reaches_the_latents():
    tiny = build("sd3")
    model = DiffusersModel(tiny.pipe, tiny.call)
    condition, _ = model.encode(PROMPTS)
    x = torch.randn(2, *model.latent_shape(), requires_grad=True)
    model.velocity(x, 0.5, condition)[0].sum().backward()
    assert x.grad[0].any()
    assert not x.grad[1].any()


def test_gradient_checkpointing_gives_the_same_gradient():
    gradients = []
    for checkpointing in (False, True):
        tiny = build("sd3")
        model = DiffusersModel(tiny.pipe, tiny.call)
        if checkpointing:
            tiny.pipe.transformer.enable_gradient_checkpointing()
        backward(model)
        gradients.append([parameter.grad for parameter in tiny.pipe.transformer.parameters()])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(recomputed, plain, atol=1e-5, rtol=1e-4)


def test_everything_but_the_networks_is_frozen():
    tiny = build("sd3")
    DiffusersModel(tiny.pipe, tiny.call)
    assert all(parameter.requires_grad for parameter in tiny.pipe.transformer.parameters())
    for component in (tiny.pipe.vae, tiny.pipe.text_encoder, tiny.pipe.text_encoder_3):
        assert not any(parameter.requires_grad for parameter in component.parameters())
        assert not component.training
