"""Published pickles become safetensors that score the same, and nothing in a pickle runs."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoTokenizer

from genrl.errors import RewardError
from genrl.rewards.aesthetic import Aesthetic, head
from genrl.rewards.convert import convert_aesthetic, convert_hpsv2, main
from genrl.rewards.hpsv2 import Hpsv2
from tests.rewards import tiny_checkpoints

WIDTH, HEADS, LAYERS, SHARED = 32, 4, 2, 16


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.mlp = nn.Sequential(
            OrderedDict(c_fc=nn.Linear(WIDTH, 2 * WIDTH), gelu=nn.GELU(), c_proj=nn.Linear(2 * WIDTH, WIDTH))
        )

    def forward(self, x, mask=None):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, attn_mask=mask, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Blocks(nn.Module):
    def __init__(self):
        super().__init__()
        self.resblocks = nn.ModuleList(Block() for _ in range(LAYERS))

    def forward(self, x, mask=None):
        for block in self.resblocks:
            x = block(x, mask)
        return x


class Visual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, 8, stride=8, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(WIDTH))
        self.positional_embedding = nn.Parameter(torch.randn(17, WIDTH))
        self.ln_pre, self.ln_post, self.transformer = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH), Blocks()
        self.proj = nn.Parameter(torch.randn(WIDTH, SHARED))

    def forward(self, pixels):
        patches = self.conv1(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(pixels), 1, -1), patches], dim=1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj


class OpenClip(nn.Module):
    """The ViT CLIP of open_clip, whose state dict is what HPSv2 publishes."""

    def __init__(self, words):
        super().__init__()
        self.visual, self.transformer, self.ln_final = Visual(), Blocks(), nn.LayerNorm(WIDTH)
        self.token_embedding = nn.Embedding(words, WIDTH)
        self.positional_embedding = nn.Parameter(torch.randn(16, WIDTH))
        self.text_projection = nn.Parameter(torch.randn(WIDTH, SHARED))
        self.logit_scale = nn.Parameter(torch.tensor(4.6))

    def cosines(self, pixels, tokens):
        mask = torch.full((16, 16), -torch.inf).triu(1)
        x = self.ln_final(self.transformer(self.token_embedding(tokens) + self.positional_embedding, mask))
        # The end of a text has the highest number, and what pads it is 0.
        texts = x[torch.arange(len(x)), tokens.argmax(dim=1)] @ self.text_projection
        return nn.functional.cosine_similarity(self.visual(pixels), texts)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_checkpoints.clip(tmp_path_factory.mktemp("base"))


@pytest.fixture
def published(base, tmp_path):
    """The original and its file, which has more in it than the weights."""
    torch.manual_seed(0)
    original = OpenClip(len(AutoTokenizer.from_pretrained(base))).eval().requires_grad_(False)
    torch.save({"epoch": 3, "state_dict": original.state_dict()}, tmp_path / "HPS.pt")
    return original, tmp_path / "HPS.pt"


def test_hpsv2(base, published, tmp_path):
    original, file = published
    convert_hpsv2(file, tmp_path / "converted", base)
    reward = Hpsv2(checkpoint=str(tmp_path / "converted"))
    reward.check()
    texts, pixels = ["a cat", "two dogs", ""], torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    tokens = AutoTokenizer.from_pretrained(base)(texts).input_ids
    padded = torch.tensor([row + [0] * (16 - len(row)) for row in tokens])
    expected = original.cosines(reward.prepared(pixels), padded)
    assert expected.std() > 0.05
    torch.testing.assert_close(reward(texts, pixels), expected, rtol=1e-4, atol=1e-5)


def test_aesthetic(base, tmp_path):
    torch.manual_seed(0)
    original = nn.Module()
    original.layers = head()
    torch.save(original.state_dict(), tmp_path / "mlp.pth")
    convert_aesthetic(tmp_path / "mlp.pth", tmp_path / "out" / "head.safetensors")
    assert load_file(tmp_path / "out" / "head.safetensors").keys() == original.state_dict().keys()
    wide = tiny_checkpoints.clip(tmp_path / "wide", width=768)
    Aesthetic(checkpoint=wide, head=str(tmp_path / "out" / "head.safetensors")).check()


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"state_dict": {"a": torch.zeros(1)}}, "does not hold the weights"),
        ({"state_dict": {"a": 3}}, "something else than named tensors"),
        ([1, 2], "something else than named tensors"),
        ({}, "something else than named tensors"),
        (None, "cannot be read as plain tensors"),
    ],
)
def test_other_files(base, tmp_path, content, message):
    file = tmp_path / "odd.pt"
    torch.save(Trap(tmp_path / "sprung") if content is None else content, file)
    for convert in (lambda: convert_hpsv2(file, tmp_path / "x", base), lambda: convert_aesthetic(file, tmp_path / "x")):
        with pytest.raises(RewardError, match=f"{message}|does not hold the layers"):
            convert()
    assert not (tmp_path / "sprung").exists()
    assert not (tmp_path / "x").exists()


def test_command(base, published, tmp_path, capsys):
    main(["hpsv2", str(published[1]), str(tmp_path / "made"), "--base", base])
    assert capsys.readouterr().out == f"{published[1]} -> {tmp_path / 'made'}\n"
    Hpsv2(checkpoint=str(tmp_path / "made")).check()
    with pytest.raises(SystemExit, match=r"^There is no file none.pth; download it first.$"):
        main(["aesthetic", "none.pth", str(tmp_path / "x.safetensors")])
