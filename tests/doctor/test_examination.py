"""The three equalities: they hold on real pipelines, and each fails where it is broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffusers
import pytest
import torch

from genrl.doctor import Finding, describe, examine
from genrl.doctor.adapters import check_adapters
from genrl.doctor.anatomy import components, guidance
from genrl.doctor.examination import ADAPTERS, OWN, REPLAY
from genrl.doctor.own_scheduler import check_own_scheduler
from genrl.errors import ModelError
from genrl.models import DiffusersModel, add_lora
from genrl.settings import ModelSettings
from tests.tiny_pipelines import FAMILIES, build

SETTINGS = ModelSettings(lora_rank=2, lora_alpha=4)
STEPS = 4
#: One with packed latents, one that is converted.
FAST = ("flux", "sd15")


def model_of(family: str) -> DiffusersModel:
    tiny = build(family)
    return DiffusersModel(tiny.pipe, tiny.call)


def findings(model: DiffusersModel) -> dict[str, Finding]:
    return {finding.question: finding for finding in examine(model, SETTINGS, STEPS)}


@pytest.mark.parametrize("family", [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST)) for name in FAMILIES])
def test_every_family_is_trainable(family: str) -> None:
    found = findings(model_of(family))
    assert set(found) == {OWN, REPLAY, ADAPTERS}
    assert [finding for finding in found.values() if not finding.passed] == []


def test_layers_that_the_network_never_uses_are_named() -> None:
    """SD3's last block computes an answer of the text that nobody reads."""
    found = findings(model_of("sd3"))[ADAPTERS]
    assert found.answer == (
        "20 of 21 layers get gradients; the network never uses: transformer.transformer_blocks.1.attn.add_q_proj"
    )


@pytest.mark.parametrize("kind", ["PNDMScheduler", "EulerDiscreteScheduler"])
def test_a_diffusion_model_is_compared_under_ddim_whatever_its_scheduler(kind: str) -> None:
    tiny = build("sd15")
    tiny.pipe.scheduler = getattr(diffusers, kind).from_config(tiny.pipe.scheduler.config)
    model, own = DiffusersModel(tiny.pipe, tiny.call), tiny.pipe.scheduler
    assert check_own_scheduler(model, "a red cat", 3, torch.float32).latents < 1e-5  # 3 does not divide 1000, so 4 are made
    assert tiny.pipe.scheduler is own
    assert "step" not in vars(own)


def test_a_velocity_of_another_sign_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    velocity = DiffusersModel.velocity
    monkeypatch.setattr(DiffusersModel, "velocity", lambda self, x, sigma, condition: -velocity(self, x, sigma, condition))
    found = findings(model_of("flux"))[OWN]
    assert found.passed is False
    assert "ends elsewhere than alone" in found.answer


def test_a_wrong_decoder_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    decode = DiffusersModel.decode
    monkeypatch.setattr(DiffusersModel, "decode", lambda self, latents: 1.0 - decode(self, latents))
    with pytest.raises(ModelError, match="ends elsewhere"):
        check_own_scheduler(model_of("flux"), "a red cat", STEPS, torch.float32)


def test_what_a_pipeline_raises_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise TypeError("no such thing")

    model = model_of("flux")
    monkeypatch.setattr(type(model.pipe), "check_inputs", broken)
    found = findings(model)
    assert found[OWN].answer == found[REPLAY].answer == "TypeError: no such thing"
    assert not any(finding.passed for finding in found.values())


def test_targets_that_do_not_exist_are_an_answer() -> None:
    settings = ModelSettings(lora_rank=2, lora_alpha=4, lora_targets=("to_queue",))
    found = list(examine(model_of("flux"), settings, STEPS))[-1]
    assert (found.question, found.passed) == (ADAPTERS, False)
    assert "no Linear layer 'to_queue'" in found.answer


def detached(change: Callable[[torch.Tensor], torch.Tensor]) -> DiffusersModel:
    """A model whose first adapted layer answers through `change`."""
    model = model_of("flux")
    add_lora(model, rank=2, alpha=4, targets=["to_q"])
    layers = [m for m in model.networks["transformer"].modules() if type(m).__name__ == "Linear" and hasattr(m, "lora_B")]
    for layer in layers[:1]:
        layer.register_forward_hook(lambda module, inputs, output: change(output))
    return model


def test_a_layer_that_matters_and_gets_no_gradient_is_an_error() -> None:
    model = detached(lambda output: output.detach())
    condition, _ = model.encode(["a red cat"])
    with pytest.raises(ModelError, match=r"1 layers get no gradient though they change the velocity: transformer\..*to_q"):
        check_adapters(model, condition, model.sigmas(STEPS)[:1])


def test_a_layer_without_effect_is_unused_and_left_as_it_was() -> None:
    model = detached(torch.zeros_like)
    condition, _ = model.encode(["a red cat"])
    found = check_adapters(model, condition, model.sigmas(STEPS)[:1])
    assert len(found.unused) == 1
    assert not any(p.any() for n in model.networks.values() for name, p in n.named_parameters() if "lora_B" in name)


GUIDED = {
    "flux": "embedded in the network",
    "sd3": "classifier-free: 2 rows through the network for each row of latents",
    "wan": "classifier-free: 2 calls of the network for each velocity",
    "prx": "none",
}


@pytest.mark.parametrize("family", GUIDED)
def test_guidance_is_seen_in_the_calls(family: str) -> None:
    model = model_of(family)
    assert guidance(model, model.encode(["a red cat"])[0]) == GUIDED[family]


def test_facts_and_sizes() -> None:
    model = model_of("wan")
    facts = describe(model, STEPS, timed=True)
    assert facts["latent"] == "16 x 3 x 2 x 2 = 16 x 16 pixels, 9 frames"
    assert facts["grid of 4 steps"].startswith("1.000 0.9")
    assert "ms on cpu" in facts["one velocity, one row"]
    add_lora(model, rank=2, alpha=4)
    network = components(model)[0]
    plain = model_of("wan").networks["transformer"]
    assert (network.name, network.parameters) == ("transformer", sum(p.numel() for p in plain.parameters()))
    adapters = [p for name, p in model.networks["transformer"].named_parameters() if "lora_" in name]
    assert network.adapted == (len(adapters) // 2, sum(p.numel() for p in adapters))
