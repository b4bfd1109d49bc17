"""Checkpoints with the architectures of the published ones, random weights and a few thousand parameters."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    BitImageProcessorPil,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPTokenizer,
    Dinov2Config,
    Dinov2Model,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
)

SIDE = 32
TOWER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_act": "gelu",
}
VISION = TOWER | {"image_size": SIDE, "patch_size": 8}


def clip(folder: Path, width: int = 16, seed: int = 0) -> str:
    """A CLIP whose tokenizer spells each byte, with texts of at most 16 tokens."""
    symbols = sorted(ByteLevel.alphabet())
    vocabulary = [*symbols, *(f"{symbol}</w>" for symbol in symbols), "<|startoftext|>", "<|endoftext|>"]
    begin, end = len(vocabulary) - 2, len(vocabulary) - 1
    text = TOWER | {"vocab_size": len(vocabulary), "max_position_embeddings": 16, "bos_token_id": begin, "eos_token_id": end}
    config = CLIPConfig(text_config=text | {"pad_token_id": end}, vision_config=VISION, projection_dim=width)
    CLIPTokenizer(vocab={word: k for k, word in enumerate(vocabulary)}, merges=[]).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return save(CLIPModel, config, folder, seed)


def siglip(folder: Path) -> str:
    """A SigLIP 2 with a tokenizer of single letters, which knows no capitals."""
    letters = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *"abcdefghijklmnopqrstuvwxyz"]
    tokenizer = Siglip2Tokenizer(
        vocab={letter: k for k, letter in enumerate(letters)}, padding_side="right", model_input_names=["input_ids"]
    )
    tokenizer.save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}, resample=2).save_pretrained(folder)
    text = TOWER | {"vocab_size": len(letters), "max_position_embeddings": 16, "projection_size": 32}
    return save(SiglipModel, SiglipConfig(text_config=text, vision_config=VISION), folder)


def dino(folder: Path) -> str:
    processor = BitImageProcessorPil(size={"shortest_edge": SIDE + 4}, crop_size={"height": SIDE, "width": SIDE})
    processor.save_pretrained(folder)
    config = Dinov2Config(**{key: value for key, value in VISION.items() if key != "intermediate_size"}, mlp_ratio=2)
    return save(Dinov2Model, config, folder)


def save(architecture: type, config: object, folder: Path, seed: int = 0) -> str:
    """Matrices four times as large as they are initialised, so that different inputs get different features."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = architecture(config)
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.data *= 4
    model.save_pretrained(folder)
    return str(folder)


def aesthetic_head(file: Path) -> str:
    """The five layers under their published names, with weights that keep features apart."""
    sizes = {0: (768, 1024), 2: (1024, 128), 4: (128, 64), 6: (64, 16), 7: (16, 1)}
    rng = torch.Generator().manual_seed(0)
    weights = {f"layers.{k}.weight": torch.randn(out, wide, generator=rng) / wide**0.5 for k, (wide, out) in sizes.items()}
    weights |= {f"layers.{k}.bias": torch.randn(out, generator=rng) for k, (_, out) in sizes.items()}
    save_file(weights, file)
    return str(file)
