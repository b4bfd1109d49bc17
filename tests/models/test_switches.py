"""Switches that save memory or time: refused where they cannot work, and the same function where they do."""

import pytest
import torch

from genrl.errors import ConfigError
from genrl.models import DiffusersModel, add_lora
from genrl.models.lora import block_layers
from genrl.models.switches import apply_switches, check_switches
from genrl.settings import ModelSettings
from tests.tiny_pipelines import PROMPTS, build

FP8 = {"fp8_base": True, "gradient_checkpointing": True}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": "full", "dtype": "bfloat16"}, r"Small updates vanish in bfloat16 weights"),
        ({"weights": "full", **FP8}, r"rounds weights that are to be trained; set model\.weights=lora"),
        ({"fp8_base": True}, r"set model\.gradient_checkpointing=true as well"),
        ({"compile": True, **FP8}, r"which compiled blocks do not see; choose one of them"),
        ({"attention": "sage"}, "computes in 8 bits and has no backward pass"),
    ],
)
def test_settings_that_cannot_work_together_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        check_switches(ModelSettings(**settings))


def test_each_switch_alone_is_accepted():
    for switch in ({"compile": True}, {"attention": "native"}, {"offload": True}, {"encodings": "disk"}, FP8):
        check_switches(ModelSettings(**switch))


class Switched:
    """A tiny model with adapters that are not zero, under some switches."""

    def __init__(self, family, dtype, **settings):
        tiny = build(family)
        tiny.pipe.to(dtype)
        self.model = DiffusersModel(tiny.pipe, tiny.call)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            add_lora(self.model, rank=2, alpha=4)
            for name, parameter in self.network.named_parameters():
                if "lora_B" in name:
                    torch.nn.init.normal_(parameter, std=0.1)
        apply_switches(self.model.networks, ModelSettings(**settings))
        self.condition, _ = self.model.encode(PROMPTS)
        self.x = torch.randn(2, *self.model.latent_shape(), generator=torch.Generator().manual_seed(1))

    @property
    def network(self):
        return self.model.networks["transformer"]

    def velocity(self):
        return self.model.velocity(self.x, 0.5, self.condition)

    def sampled(self):
        with torch.no_grad():
            return self.velocity()

    def gradients(self):
        self.velocity().square().sum().backward()
        return [parameter.grad for parameter in self.network.parameters() if parameter.requires_grad]


@pytest.mark.parametrize("family", ["prx", "sd3", "flux"])
def test_base_in_8_bits_is_the_network_with_rounded_weights(family):
    stored, rounded = Switched(family, torch.bfloat16, **FP8), Switched(family, torch.bfloat16)
    low = [name for name, parameter in stored.network.named_parameters() if parameter.dtype == torch.float8_e4m3fn]
    assert {name.rsplit(".", 1)[0] for name in low} == {n for n in block_layers(stored.network) if "lora_" not in n}
    with torch.no_grad():
        for name in low:
            parameter = rounded.network.get_parameter(name)
            parameter.copy_(parameter.to(torch.float8_e4m3fn))
    assert torch.equal(stored.sampled(), rounded.sampled())
    assert all(map(torch.equal, stored.gradients(), rounded.gradients()))
    assert {stored.network.get_parameter(name).dtype for name in low} == {torch.float8_e4m3fn}


@pytest.mark.parametrize("settings", [{"gradient_checkpointing": True}, {"attention": "native"}, FP8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sampling_and_learning_ask_the_same_function(settings, dtype):
    switched = Switched("prx", dtype, **settings)
    assert torch.equal(switched.sampled(), switched.velocity().detach())


@pytest.mark.slow
@pytest.mark.parametrize(("family", "dtype"), [("prx", torch.bfloat16), ("sd3", torch.float32)])
def test_compiled_blocks_are_the_same_function_with_and_without_gradient(family, dtype):
    torch._dynamo.reset()
    plain, compiled = Switched(family, dtype), Switched(family, dtype, compile=True)
    assert torch.equal(compiled.sampled(), compiled.velocity().detach())
    tolerance = {"atol": 1e-5, "rtol": 1e-4} if dtype == torch.float32 else {"atol": 0, "rtol": 0}
    torch.testing.assert_close(compiled.sampled(), plain.sampled(), **tolerance)
    for ours, own in zip(compiled.gradients(), plain.gradients(), strict=True):
        torch.testing.assert_close(ours, own, atol=2e-2 * float(own.abs().max()), rtol=2e-2)


def test_network_without_checkpointing_is_refused():
    with pytest.raises(ConfigError, match=r"The transformer \(.*\) has no gradient checkpointing; set model\.gradient_ch"):
        tiny = build("sd3")
        tiny.pipe.transformer._supports_gradient_checkpointing = False
        apply_switches({"transformer": tiny.pipe.transformer}, ModelSettings(gradient_checkpointing=True))


def test_network_without_blocks_is_not_compiled():
    with pytest.raises(ConfigError, match=r"has no repeated blocks; set model\.compile=false"):
        apply_switches({"network": torch.nn.Linear(2, 2)}, ModelSettings(compile=True))
