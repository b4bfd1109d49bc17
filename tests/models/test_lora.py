"""LoRA on any network, with or without diffusers' own adapter support."""

import pytest
import torch

from genrl.errors import ConfigError, ModelError
from genrl.models import DiffusersModel, adapters_disabled, add_lora
from genrl.models.lora import default_targets
from tests.tiny_pipelines import PROMPTS, build


def fresh(family):
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call)
    condition, _ = model.encode(PROMPTS)
    x = torch.randn(2, *model.latent_shape(), generator=torch.Generator().manual_seed(7))
    return model, lambda: model.velocity(x, 0.5, condition).detach()


@pytest.mark.parametrize("family", ["prx", "sd3"])
def test_adapters_start_as_no_change_and_can_be_disabled(family):
    model, answer = fresh(family)
    network, base = model.networks["transformer"], answer()
    add_lora(model, rank=2, alpha=4)
    torch.testing.assert_close(answer(), base, atol=0, rtol=0)
    for name, parameter in network.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    changed = answer()
    assert (changed - base).abs().max() > 1e-3
    with adapters_disabled(network):
        torch.testing.assert_close(answer(), base, atol=0, rtol=0)
    torch.testing.assert_close(answer(), changed, atol=0, rtol=0)
    assert all(parameter.requires_grad == ("lora_" in name) for name, parameter in network.named_parameters())


def test_adapters_are_enabled_again_after_an_error():
    model, _ = fresh("prx")
    add_lora(model, rank=2, alpha=4)
    network = model.networks["transformer"]
    with pytest.raises(KeyError), adapters_disabled(network):
        raise KeyError
    assert any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(
    ("family", "inside", "outside"),
    [
        ("prx", {"attention.img_qkv_proj", "attention.to_out.0", "gate_proj", "down_proj"}, {"modulation.lin"}),
        ("sd3", {"attn.to_q", "attn.add_k_proj", "ff.net.2"}, {"norm1.linear"}),
        ("flux", {"attn.to_q", "proj_mlp", "ff.net.0.proj"}, {"norm.linear", "norm1.linear"}),
        ("qwen", {"attn.to_k", "img_mlp.net.2"}, {"img_mod.1", "txt_mod.1"}),
    ],
)
def test_default_targets_are_attention_and_feed_forward(family, inside, outside):
    network = build(family).pipe.transformer
    targets = default_targets(network)
    endings = {".".join(target.split(".")[2:]) for target in targets}
    assert inside <= endings
    assert not outside & endings
    assert {part.split(".")[0] for part in targets} <= {
        name for name, child in network.named_children() if isinstance(child, torch.nn.ModuleList)
    }


def test_layers_outside_the_blocks_keep_their_weights_alone():
    model, _ = fresh("flux")
    add_lora(model, rank=2, alpha=4)
    adapted = {name.split(".lora_")[0] for name, _ in model.networks["transformer"].named_parameters() if "lora_" in name}
    assert adapted == set(default_targets(build("flux").pipe.transformer))


def test_named_targets_only():
    model, _ = fresh("sd3")
    add_lora(model, rank=2, alpha=4, targets=["to_q"])
    adapted = [name for name, _ in model.networks["transformer"].named_parameters() if "lora_" in name]
    assert adapted
    assert all(".to_q." in name for name in adapted)


def test_adapters_of_half_precision_networks_are_in_float32():
    tiny = build("flux")
    model = DiffusersModel(tiny.pipe.to(torch.bfloat16), tiny.call)
    add_lora(model, rank=2, alpha=4)
    condition, _ = model.encode(PROMPTS)
    model.velocity(torch.randn(2, *model.latent_shape()), 0.5, condition).sum().backward()
    trained = [parameter for parameter in model.networks["transformer"].parameters() if parameter.requires_grad]
    assert all(parameter.dtype == parameter.grad.dtype == torch.float32 for parameter in trained)


def test_unknown_target_and_second_adapter_are_refused():
    model, _ = fresh("sd3")
    with pytest.raises(ConfigError, match=r"no Linear layer 'to_qq'; did you mean 'to_q'\?"):
        add_lora(model, rank=2, alpha=4, targets=["to_qq"])
    add_lora(model, rank=2, alpha=4)
    with pytest.raises(ModelError, match="already has a LoRA adapter"):
        add_lora(model, rank=2, alpha=4)


def test_network_without_adapters_has_no_reference_of_its_own():
    model, _ = fresh("prx")
    with pytest.raises(ModelError, match="call add_lora"), adapters_disabled(model.networks["transformer"]):
        pass
