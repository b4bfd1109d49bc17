"""LAION's aesthetic score: how beautiful people found such pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from genrl.errors import RewardError
from genrl.registry import register
from genrl.rewards.networks import explained, find_file
from genrl.rewards.pretrained import Pretrained, unit


@register("reward", "aesthetic", needs="weights of its checkpoint")
@dataclass(frozen=True)
class Aesthetic(Pretrained):
    """LAION-Aesthetics V2 (Schuhmann et al. 2022, LAION-5B, arXiv:2210.08402): people's ratings from CLIP-L's features.

    Five linear layers, 768-1024-128-64-16-1 with nothing between them, on unit image features; trained on ratings 1 to 10
    of the SAC, LAION-Logos and AVA pictures. Pictures score 4 to 7; good models 5.5 to 6.

    It does not know the prompt, so a run drops what was asked for: everything turns into the same warm, soft, centred
    painting. Never train on it alone; a reward that reads the prompt has to hold it.

    head: the layers' weights: a .safetensors file, a folder or a hub id with a model.safetensors.
        `python -m genrl.rewards.convert aesthetic FILE.pth FILE.safetensors` makes one of the authors' .pth.
    checkpoint: CLIP ViT-L/14 of OpenAI; the layers fit no other.
    revision, device, dtype, batch_size, offload: see `genrl.rewards.pretrained.Pretrained`. The layers run in float32.
    """

    checkpoint: str = "openai/clip-vit-large-patch14"
    head: str = "ttj/sac-logos-ava1-l14-linearMSE"
    architecture: ClassVar[str] = "CLIPModel"

    def __call__(self, prompts: list[str], completions: Tensor, **columns: Any) -> Tensor:
        with self.network(completions) as network:
            layers = load_head(self.head).to(network.device)
            features = [unit(network.get_image_features(pixel_values=x)) for x in self.batches(network, completions)]
            return layers(torch.cat(features)).squeeze(dim=1)

    def check(self) -> None:
        super().check()
        load_head(self.head)

    @property
    def version(self) -> str:
        return f"{super().version}, {self.head}"


@cache
def load_head(place: str) -> nn.Sequential:
    """The layers from a file, a folder or the hub, on the CPU, frozen; RewardError if they are others."""
    file = Path(place).expanduser()
    if file.suffix != ".safetensors":
        file = find_file(place, "model.safetensors", None)
    with explained(place):
        weights = load_file(file)
    layers = head()
    try:
        layers.load_state_dict({name.removeprefix("layers."): value.float() for name, value in weights.items()})
    except RuntimeError as error:
        raise RewardError(
            f"{place!r} does not hold the layers 768-1024-128-64-16-1 of the aesthetic score; give the reward's option head a "
            "file that `python -m genrl.rewards.convert aesthetic` made."
        ) from error
    return layers.requires_grad_(False).eval()


def head() -> nn.Sequential:
    """The layers, untrained. The dropout keeps the published numbering; it does nothing here."""
    sizes = ((768, 1024), (1024, 128), (128, 64), (64, 16), (16, 1))
    linear = [nn.Linear(*size) for size in sizes]
    return nn.Sequential(linear[0], nn.Dropout(), linear[1], nn.Dropout(), linear[2], nn.Dropout(), linear[3], linear[4])
