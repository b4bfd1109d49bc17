"""Frozen networks from a folder or the hub: once a process, safetensors only, and never with weights that are made up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from genrl.errors import RewardError
from genrl.rewards.preprocessing import Preprocessing

#: The commit of each published checkpoint that a reward names, so that a score means the same next year.
COMMITS = {
    "facebook/dinov2-base": "f9e44c814b77203eaa57a6bdbbd535f21ede1415",
    "google/siglip2-so400m-patch14-384": "e8e487298228002f3d8a82e0cd5c8ea9c567f57f",
    "laion/CLIP-ViT-H-14-laion2B-s32B-b79K": "1c2b8495b28150b8a4922ee1c8edee224c284c0c",
    "openai/clip-vit-large-patch14": "32bd64288804d66eefd0ccbe215aa642df71cc41",
    "ttj/sac-logos-ava1-l14-linearMSE": "1e77fa05081323d99725fc40a9bf9f88180490e7",
    "yuvalkirstain/PickScore_v1": "a4e4367c6dfa7288a00c550414478f865b875800",
}


def commit_of(checkpoint: str, revision: str | None) -> str | None:
    """`revision`, else the commit that is known for the checkpoint, else None: the newest."""
    return revision or COMMITS.get(checkpoint)


@cache
def load_network(architecture: str, checkpoint: str, revision: str | None, dtype: str) -> Any:
    """The network, on the CPU, frozen.

    architecture: a class of transformers, such as "CLIPModel". Single numbers stay float32 in any dtype: bfloat16 would
    shift CLIP's scale of 100 by more than a hundredth.
    """
    import transformers

    with explained(checkpoint):
        network, report = getattr(transformers, architecture).from_pretrained(
            local(checkpoint),
            revision=commit_of(checkpoint, revision),
            dtype=torch.float32,
            use_safetensors=True,
            output_loading_info=True,
        )
    lacking = sorted({*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])})
    if lacking:
        raise RewardError(
            f"{checkpoint!r} is no {architecture}: {len(lacking)} of its weights, such as {lacking[0]}, are missing or of "
            "another shape, so its scores would be noise; give the checkpoint that the reward's documentation names."
        )
    for parameter in network.parameters():
        if parameter.numel() > 1:
            parameter.data = parameter.data.to(getattr(torch, dtype))
    return network.requires_grad_(False).eval()


@cache
def load_tokenizer(checkpoint: str, revision: str | None) -> Any:
    from transformers import AutoTokenizer

    with explained(checkpoint):
        tokenizer = AutoTokenizer.from_pretrained(local(checkpoint), revision=commit_of(checkpoint, revision))
        # Without its file, transformers makes one that knows no word, and every prompt would read the same.
        if len(tokenizer) <= len(tokenizer.all_special_ids):
            raise OSError("it holds no tokenizer")
    return tokenizer


@cache
def load_preprocessing(checkpoint: str, revision: str | None) -> Preprocessing:
    from transformers import AutoImageProcessor

    with explained(checkpoint):
        processor = AutoImageProcessor.from_pretrained(
            local(checkpoint), revision=commit_of(checkpoint, revision), backend="pil"
        )
    return Preprocessing.of(processor)


def check_weights(name: str, architecture: str, checkpoint: str, revision: str | None) -> None:
    """RewardError for another network's checkpoint and for a folder without safetensors; downloads no weights."""
    import transformers

    with explained(checkpoint):
        config = transformers.AutoConfig.from_pretrained(local(checkpoint), revision=commit_of(checkpoint, revision))
        folder = Path(local(checkpoint))
        if folder.is_dir() and not list(folder.glob("*.safetensors")):
            raise OSError(f"{folder} holds no .safetensors file")
    wanted = getattr(transformers, architecture).config_class.model_type
    if config.model_type != wanted:
        raise RewardError(f"{checkpoint!r} is a {config.model_type}, and {name} asks a {wanted}; give another checkpoint.")


def find_file(checkpoint: str, name: str, revision: str | None) -> Path:
    """The file `name` of a folder or of a repository of the hub, which is downloaded."""
    from transformers.utils import cached_file

    with explained(checkpoint):
        found = cached_file(local(checkpoint), name, revision=commit_of(checkpoint, revision))
    assert found is not None, "it raises for what is missing"
    return Path(found)


def local(checkpoint: str) -> str:
    """A folder with ~ expanded; the name of a repository as it is."""
    folder = Path(checkpoint).expanduser()
    return str(folder) if folder.is_dir() else checkpoint


@contextmanager
def explained(checkpoint: str) -> Iterator[None]:
    """Turns what transformers raises for a checkpoint that is not there into one sentence."""
    try:
        yield
    except (OSError, ValueError, ImportError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise RewardError(
            f"The checkpoint {checkpoint!r} cannot be loaded ({reason}); give a folder in its place, as "
            "`hf download NAME --local-dir FOLDER` makes one, or go online."
        ) from error
