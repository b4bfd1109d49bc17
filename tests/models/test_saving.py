"""What is saved is what diffusers loads back."""

import json

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors import safe_open

from genrl.errors import ConfigError, ModelError
from genrl.models import DiffusersModel, add_lora, load_lora, load_model
from genrl.models.saving import LORA_FILE
from tests.models.recording import families
from tests.tiny_pipelines import PROMPTS, build


def answer(model):
    condition, _ = model.encode(PROMPTS)
    x = torch.randn(2, *model.latent_shape(), generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        return model.velocity(x, 0.5, condition)


def with_lora(family, **lora):
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call)
    add_lora(model, **({"rank": 2, "alpha": 8.0} | lora))
    generator = torch.Generator().manual_seed(5)
    for network in model.networks.values():
        for name, parameter in network.named_parameters():
            if "lora_B" in name:
                parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
    return model


@pytest.mark.parametrize("family", ["prx", "sd3", "flux"])
def test_full_weights_round_trip_through_a_pipeline_folder(family, tmp_path):
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call)
    torch.nn.init.normal_(next(model.networks["transformer"].parameters()))
    model.save(tmp_path, "full")
    assert not list(tmp_path.rglob("*.bin"))
    loaded = load_model(tmp_path, call=tiny.call)
    for name, weight in loaded.networks["transformer"].state_dict().items():
        assert torch.equal(weight, model.networks["transformer"].state_dict()[name])
    # Loaded weights lie elsewhere in memory, and with it the last bit of a small matrix product may change.
    torch.testing.assert_close(answer(loaded), answer(model), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", families("prx", "sd3", "wan-two-stage"))
def test_lora_round_trip(family, tmp_path):
    model = with_lora(family)
    model.save(tmp_path, "lora")
    tiny = build(family)
    loaded = DiffusersModel(tiny.pipe, tiny.call)
    plain = answer(loaded)
    load_lora(loaded, tmp_path)
    assert (answer(model) - plain).abs().max() > 1e-3
    torch.testing.assert_close(answer(loaded), answer(model), atol=0, rtol=0)
    trained = [n for n, p in loaded.networks["transformer"].named_parameters() if p.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)


@pytest.mark.parametrize("family", ["sd3", "flux"])
def test_diffusers_itself_loads_the_lora_with_its_alpha(family, tmp_path):
    model = with_lora(family, rank=2, alpha=8.0)
    model.save(tmp_path, "lora")
    tiny = build(family)
    tiny.pipe.load_lora_weights(tmp_path, weight_name=LORA_FILE)
    torch.testing.assert_close(answer(DiffusersModel(tiny.pipe, tiny.call)), answer(model), atol=1e-6, rtol=1e-5)


def test_lora_file_has_the_layout_of_diffusers_own(tmp_path):
    from diffusers.training_utils import _collate_lora_metadata
    from peft import get_peft_model_state_dict

    model = with_lora("sd3")
    network = model.networks["transformer"]
    model.save(tmp_path / "ours", "lora")
    model.pipe.save_lora_weights(
        tmp_path / "theirs",
        transformer_lora_layers=get_peft_model_state_dict(network),
        **_collate_lora_metadata({"transformer": network}),
    )
    ours, theirs = (_read(tmp_path / folder / LORA_FILE) for folder in ("ours", "theirs"))
    assert ours[0] == theirs[0]
    assert ours[1].keys() == theirs[1].keys()
    assert all(torch.equal(ours[1][key], theirs[1][key]) for key in ours[1])


def _read(path):
    with safe_open(path, framework="pt") as file:
        metadata = json.loads(file.metadata()["lora_adapter_metadata"])
        metadata["transformer.target_modules"] = sorted(metadata["transformer.target_modules"])
        return metadata, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def test_saving_the_wrong_kind_of_weights_names_the_right_one(tmp_path):
    model = with_lora("prx")
    with pytest.raises(ModelError, match='save weights="lora"'):
        model.save(tmp_path, "full")
    tiny = build("prx")
    plain = DiffusersModel(tiny.pipe, tiny.call)
    with pytest.raises(ModelError, match="call add_lora"):
        plain.save(tmp_path, "lora")
    with pytest.raises(ConfigError, match='"full" or "lora"'):
        plain.save(tmp_path, "half")


def test_loading_a_lora_says_what_is_missing(tmp_path):
    tiny = build("prx")
    with pytest.raises(ModelError, match=f"There is no {LORA_FILE}"):
        load_lora(DiffusersModel(tiny.pipe, tiny.call), tmp_path)


def test_loaded_pipeline_keeps_its_class_and_dtype(tmp_path):
    tiny = build("flux")
    tiny.pipe.save_pretrained(tmp_path)
    model = load_model(tmp_path, call=tiny.call, dtype="bfloat16")
    assert isinstance(model.pipe, DiffusionPipeline)
    assert model.networks["transformer"].dtype == torch.bfloat16
