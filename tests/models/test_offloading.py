"""Text encoders and decoder are on the device while they work, and only then."""

import pytest
import torch

from genrl.models import DiffusersModel, load_model
from genrl.models.offloading import Offloaded
from tests.tiny_pipelines import PROMPTS, build

#: The CPU under another name, as there may be no other device: where a module is sent can be told, and it still computes.
DEVICE = torch.device("cpu:0")


@pytest.fixture
def watched(monkeypatch):
    """Watch modules by name; a list of (name, where it is sent, or "works") in order."""

    def watch(**modules):
        seen = []
        for name, module in modules.items():

            def to(*args, name=name, own=module.to):
                seen.append((name, str(args[0])))
                return own(*args)

            monkeypatch.setattr(module, "to", to)
            works = getattr(module, "decoder", module)
            works.register_forward_pre_hook(lambda module, args, name=name: seen.append((name, "works")))
        return seen

    return watch


def test_a_module_comes_when_it_is_called_and_leaves_at_the_end(watched):
    first, second = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    seen = watched(first=first, second=second)
    offloaded = Offloaded([first, second], DEVICE)
    assert seen == [("first", "cpu"), ("second", "cpu")]
    del seen[:]
    with offloaded.at_work():
        second(torch.ones(2))
        assert sorted(seen) == [("second", "cpu:0"), ("second", "works")]
        del seen[:]
    assert seen == [("first", "cpu"), ("second", "cpu")]
    with pytest.raises(KeyError), offloaded.at_work():
        del seen[:]
        raise KeyError
    assert seen == [("first", "cpu"), ("second", "cpu")]


def test_encoders_come_for_new_prompts_and_the_decoder_to_decode(watched):
    tiny = build("sd3")
    encoders = ["text_encoder", "text_encoder_2", "text_encoder_3"]
    everyone = {(name, "cpu") for name in (*encoders, "vae")}
    seen = watched(**{name: getattr(tiny.pipe, name) for name in (*encoders, "vae")})
    model = DiffusersModel(tiny.pipe, tiny.call, offload=True)
    model.latent_shape()
    for texts, workers in ((PROMPTS, encoders * 2), (["a star"], encoders), (PROMPTS, [])):
        del seen[:]
        condition, _ = model.encode(texts)
        assert [name for name, what in seen if what == "works"] == workers
        assert set(seen[-4:]) == (everyone if workers else set())
    x = torch.randn(2, *model.latent_shape())
    with torch.no_grad():
        model.velocity(x, 0.5, condition)
    assert seen == []
    model.decode(x)
    assert [name for name, what in seen if what == "works"] == ["vae"]
    assert set(seen[-4:]) == everyone


@pytest.mark.parametrize("family", ["prx", "sd3", "flux-true-cfg", "qwen", "wan"])
def test_numbers_stay(family):
    answers = []
    for offload in (False, True):
        tiny = build(family)
        model = DiffusersModel(tiny.pipe, tiny.call, offload=offload)
        condition, _ = model.encode(PROMPTS)
        x = torch.randn(2, *model.latent_shape(), generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            answers.append((model.velocity(x, 0.5, condition), model.decode(x)))
    assert all(map(torch.equal, *answers))


def test_only_the_networks_are_loaded_onto_the_device(tmp_path, monkeypatch):
    tiny = build("sd3")
    tiny.pipe.save_pretrained(tmp_path)
    sent = []
    own = torch.nn.Module.to

    def to(module, *args, **kwargs):
        sent.extend([type(module).__name__] if DEVICE in args else [])
        return own(module, *args, **kwargs)

    monkeypatch.setattr(torch.nn.Module, "to", to)
    load_model(tmp_path, call=tiny.call, device=DEVICE, offload=True)
    assert sent == ["SD3Transformer2DModel"]
    load_model(tmp_path, call=tiny.call, device=DEVICE)
    assert "AutoencoderKL" in sent
