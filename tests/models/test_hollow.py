"""Models without weights: the pipeline's own code runs on shapes alone, and costs there what it costs with numbers."""

from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor

from genrl.errors import ModelError
from genrl.estimate.tally import tally
from genrl.models import add_lora, load_model
from genrl.models.hollow import UNSEEN, animate
from tests.models.configs import write_configs
from tests.models.recording import families
from tests.tiny_pipelines import FAMILIES, PROMPTS, build

#: Its mixture of experts looks at numbers to decide which expert sees which token.
UNSIZED = ("hidream",)
SIZED = [family for family in FAMILIES if family not in UNSIZED]
#: One that cuts its encodings, one that has no batch of latents, one with masks on them.
FAST = ("qwen", "z-image", "hunyuan15")


def hollow(family, folder, dtype="float32", lora=False):
    tiny = build(family)
    model = load_model(write_configs(tiny.pipe, Path(folder)), call=tiny.call, dtype=dtype, device="meta")
    if lora:
        add_lora(model, rank=2, alpha=4)
    animate(model.pipe)
    return model


def operations(model):
    """Of one velocity of one row: which texts may share a batch is seen in numbers."""
    condition, _ = model.encode(PROMPTS[:1])
    x, answers = torch.zeros(1, *model.latent_shape()), []
    with torch.no_grad():
        cost = tally(lambda: answers.append(model.velocity(x, model.sigmas(4)[1], condition)))
    assert answers[0].shape == x.shape
    return cost.flops


@pytest.mark.parametrize("family", [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST)) for name in SIZED])
def test_a_velocity_costs_what_it_costs_with_weights(family, tmp_path):
    model = hollow(family, tmp_path)
    assert not list(tmp_path.rglob("*.safetensors"))
    real = load_model(saved(family, tmp_path / "real"), call=build(family).call)
    assert model.latent_shape() == real.latent_shape()
    assert model.sigmas(4) == real.sigmas(4)
    assert operations(model) == operations(real) > 0


@pytest.mark.parametrize("family", families("flux", "wan-two-stage", "lumina2", "sdxl"))
def test_gradients_and_pictures_have_shapes(family, tmp_path):
    model = hollow(family, tmp_path, dtype="bfloat16", lora=True)
    condition, _ = model.encode(PROMPTS)
    x = torch.zeros(2, *model.latent_shape())
    for sigma in (0.95, 0.5):
        model.velocity(x, sigma, condition).sum().backward()
    reached = [p.grad is not None for n in model.networks.values() for p in n.parameters() if p.requires_grad]
    assert sum(reached) > 0.75 * len(reached)
    pictures = model.decode(x)
    assert pictures.shape[0] == 2
    assert pictures.shape[-3] == 3


@pytest.mark.parametrize("family", families("flux2", "wan"))
def test_types_are_those_of_a_loaded_pipeline(family, tmp_path):
    """Some layers stay in float32 whatever type is asked for."""
    model = hollow(family, tmp_path, dtype="bfloat16")
    real = load_model(saved(family, tmp_path / "real"), call=build(family).call, dtype="bfloat16")
    for name, network in real.networks.items():
        ours = dict(model.networks[name].named_parameters())
        for path, parameter in network.named_parameters():
            assert isinstance(ours[path], FakeTensor)
            assert (ours[path].shape, ours[path].dtype) == (parameter.shape, parameter.dtype), path


def test_shared_weights_stay_shared(tmp_path):
    text_encoder = hollow("wan", tmp_path).pipe.text_encoder
    assert text_encoder.shared.weight is text_encoder.encoder.embed_tokens.weight


@pytest.mark.parametrize("family", UNSIZED)
def test_networks_that_look_at_numbers_say_so(family, tmp_path):
    model = hollow(family, tmp_path)
    condition, _ = model.encode(PROMPTS)
    with pytest.raises(UNSEEN):
        model.velocity(torch.zeros(2, *model.latent_shape()), 0.5, condition)


def test_what_is_no_pipeline_is_refused(tmp_path):
    folder = write_configs(build("flux").pipe, tmp_path / "flux")
    (folder / "model_index.json").write_text('{"_class_name": "NewestPipeline", "transformer": ["diffusers", "Nothing"]}')
    with pytest.raises(ModelError, match="has no class 'NewestPipeline'"):
        load_model(folder, device="meta")
    (folder / "model_index.json").write_text('{"_class_name": "FluxPipeline", "transformer": ["diffusers", "Nothing"]}')
    with pytest.raises(ModelError, match="has no class 'Nothing'"):
        load_model(folder, device="meta")


def saved(family, folder):
    build(family).pipe.save_pretrained(folder)
    return folder
