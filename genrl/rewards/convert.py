"""Published weights that exist as pickles only, as safetensors: `python -m genrl.rewards.convert hpsv2 FILE.pt FOLDER`.

The pickles are read with torch's `weights_only`, which builds tensors and runs nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from genrl.errors import GenrlError, RewardError
from genrl.rewards.aesthetic import head
from genrl.rewards.networks import commit_of, explained, load_tokenizer, local
from genrl.rewards.open_clip import renamed

BASE = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"


def convert_hpsv2(source: Path, folder: Path, base: str = BASE) -> None:
    """A file of HPSv2 -> a folder that `CLIPModel`, its tokenizer and its image processor load from.

    base: the CLIP (hub id or folder) that was fine-tuned; its configuration, tokenizer and processor go along.
    """
    from transformers import AutoImageProcessor, CLIPConfig, CLIPModel

    weights, commit = _state_dict(source), commit_of(base, None) or "main"
    with explained(base):
        config = CLIPConfig.from_pretrained(local(base), revision=commit)
        processor = AutoImageProcessor.from_pretrained(local(base), revision=commit, backend="pil")
    with torch.device("meta"):
        model = CLIPModel(config)
    try:
        model.load_state_dict(renamed(weights), assign=True)
    except (KeyError, RuntimeError) as error:
        raise RewardError(f"{source} does not hold the weights of {base} as open_clip names them ({error}).") from error
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    load_tokenizer(base, None).save_pretrained(folder)


def convert_aesthetic(source: Path, file: Path) -> None:
    """The .pth of LAION's aesthetic layers -> a .safetensors with the same names."""
    weights = _state_dict(source)
    expected = {f"layers.{name}": value.shape for name, value in head().state_dict().items()}
    if {name: value.shape for name, value in weights.items()} != expected:
        raise RewardError(f"{source} does not hold the layers 768-1024-128-64-16-1 of the aesthetic score.")
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in weights.items()}, file)


def _state_dict(source: Path) -> dict[str, Tensor]:
    """The tensors of a file by torch.save, also where they lie under "state_dict"."""
    if not source.is_file():
        raise RewardError(f"There is no file {source}; download it first.")
    try:
        found: Any = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:
        raise RewardError(f"{source} cannot be read as plain tensors ({str(error).splitlines()[0]}).") from error
    found = found.get("state_dict", found) if isinstance(found, Mapping) else {}
    if not found or not all(isinstance(value, Tensor) for value in found.values()):
        raise RewardError(f"{source} holds something else than named tensors.")
    return dict(found)


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and convert."""
    parser = argparse.ArgumentParser(prog="python -m genrl.rewards.convert", description=__doc__)
    parser.add_argument("reward", choices=("hpsv2", "aesthetic"))
    parser.add_argument("source", type=Path, help="the published .pt or .pth file")
    parser.add_argument("target", type=Path, help="hpsv2: the folder to write; aesthetic: the .safetensors to write")
    parser.add_argument("--base", default=BASE, help="hpsv2: the CLIP it was made from, folder or hub id (%(default)s)")
    args = parser.parse_args(arguments)
    try:
        if args.reward == "hpsv2":
            convert_hpsv2(args.source, args.target, args.base)
        else:
            convert_aesthetic(args.source, args.target)
    except GenrlError as error:
        sys.exit(str(error))
    print(f"{args.source} -> {args.target}")


if __name__ == "__main__":
    main()
