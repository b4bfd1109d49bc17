"""What is missing, wrong or unsafe in a checkpoint is one sentence with the cure, before a run begins."""

from __future__ import annotations

import dataclasses
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from genrl.errors import RewardError
from genrl.registry import entries
from genrl.rewards.aesthetic import Aesthetic
from genrl.rewards.clip_score import ClipScore
from genrl.rewards.hpsv2 import Hpsv2
from genrl.rewards.networks import COMMITS, commit_of, load_network
from tests.rewards import tiny_checkpoints

PIXELS, PROMPTS = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)), ["a", "b"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return tiny_checkpoints.clip(tmp_path_factory.mktemp("clip"))


def test_a_checkpoint_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for place in (str(tmp_path / "this"), "nobody/has-this"):
        with pytest.raises(RewardError, match=r"s' cannot be loaded .*hf download .* or go online\.$") as caught:
            ClipScore(checkpoint=place).check()
        assert "\n" not in str(caught.value)


def test_the_published_checkpoints_are_pinned():
    """Every default is a commit of 40 hex digits, so a score means the same next year."""
    defaults = {
        value
        for entry in entries("reward").values()
        if entry.origin.startswith("genrl.") and "needs" in entry.facts
        for field in dataclasses.fields(entry.target)
        if field.name in ("checkpoint", "processor", "head") and (value := field.default)
    }
    assert defaults == COMMITS.keys()
    assert all(len(commit) == 40 and int(commit, 16) for commit in COMMITS.values())
    assert commit_of("openai/clip-vit-large-patch14", "main") == "main"
    assert commit_of("/some/folder", None) is None
    assert ClipScore().version == "openai/clip-vit-large-patch14@32bd64288804d66eefd0ccbe215aa642df71cc41"


def test_pickled_weights_are_not_read(clip, tmp_path):
    """Neither at the check nor at the first call, and nothing in them runs."""
    folder = Path(shutil.copytree(clip, tmp_path / "pickled"))
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    reward = ClipScore(checkpoint=str(folder))
    with pytest.raises(RewardError, match="holds no .safetensors file"):
        reward.check()
    with pytest.raises(RewardError, match="cannot be loaded"):
        reward(PROMPTS, PIXELS)
    assert not (tmp_path / "sprung").exists()


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_what_prepares_the_inputs_is_looked_for_as_well(clip, tmp_path):
    for file in ("preprocessor_config.json", "tokenizer.json"):
        folder = Path(shutil.copytree(clip, tmp_path / file))
        (folder / file).unlink()
        with pytest.raises(RewardError, match="cannot be loaded"):
            ClipScore(checkpoint=str(folder)).check()


def test_truncated_weights(clip, tmp_path):
    folder = Path(shutil.copytree(clip, tmp_path / "truncated"))
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(RewardError, match="truncated' cannot be loaded"):
        ClipScore(checkpoint=str(folder))(PROMPTS, PIXELS)


def test_weights_are_never_made_up(clip, tmp_path):
    """transformers fills in random numbers for what a file lacks, and only warns."""
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(clip, tmp_path / "lacking"))
    weights = load_file(folder / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RewardError, match=r"is no CLIPModel: 1 of its weights, such as visual_projection.weight, are missing"):
        ClipScore(checkpoint=str(folder))(PROMPTS, PIXELS)


def test_other_networks_are_refused(tmp_path):
    with pytest.raises(RewardError, match="dino' is a dinov2, and clip-score asks a clip"):
        ClipScore(checkpoint=tiny_checkpoints.dino(tmp_path / "dino")).check()


def test_hpsv2_asks_for_its_weights():
    with pytest.raises(RewardError, match=r"needs its option checkpoint.*genrl.rewards.convert hpsv2"):
        Hpsv2().check()


def test_aesthetic_wants_its_own_layers(clip, tmp_path):
    from safetensors.torch import save_file

    save_file({"layers.0.weight": torch.zeros(4, 4)}, tmp_path / "other.safetensors")
    with pytest.raises(RewardError, match=r"does not hold the layers 768-1024-128-64-16-1"):
        Aesthetic(checkpoint=clip, head=str(tmp_path / "other.safetensors")).check()
    with pytest.raises(RewardError, match="cannot be loaded"):
        Aesthetic(checkpoint=clip, head=str(tmp_path / "none.safetensors")).check()


def test_videos_are_sent_to_per_frame(clip):
    with pytest.raises(RewardError, match="clip-score judges pictures, not videos; use the reward per-frame"):
        ClipScore(checkpoint=clip)(PROMPTS, PIXELS[:, None].expand(-1, 2, -1, -1, -1))


def test_offloading(clip, monkeypatch):
    """The network comes to the device and goes back, also after an error; under a gradient it cannot leave."""
    moves, to = [], nn.Module.to
    monkeypatch.setattr(nn.Module, "to", lambda self, device: moves.append(str(device)) or to(self, "cpu"))
    reward = ClipScore(checkpoint=clip, device="cuda:3", offload=True)
    scores = reward(PROMPTS, PIXELS)
    assert moves == ["cuda:3", "cpu"]
    assert torch.equal(scores, dataclasses.replace(reward, offload=False)(PROMPTS, PIXELS))
    assert moves == ["cuda:3", "cpu", "cuda:3"]
    with pytest.raises(ValueError, match="text input"):
        reward([7, 8], PIXELS)
    assert moves[-1] == "cpu"
    with pytest.raises(RewardError, match="set its option offload to false"):
        reward(PROMPTS, PIXELS.clone().requires_grad_())


def test_networks_are_shared(clip):
    assert load_network("CLIPModel", clip, None, "float32") is load_network("CLIPModel", clip, None, "float32")
    assert not any(parameter.requires_grad for parameter in load_network("CLIPModel", clip, None, "float32").parameters())


def test_scalars_stay_float32(clip):
    low = load_network("CLIPModel", clip, None, "bfloat16")
    assert low.logit_scale.dtype == torch.float32
    assert low.visual_projection.weight.dtype == torch.bfloat16
