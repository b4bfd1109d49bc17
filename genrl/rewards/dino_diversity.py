"""How much a picture differs from the others of its prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from genrl.registry import register
from genrl.rewards.pretrained import Pretrained, unit


@register("reward", "dino-diversity", needs="weights of its checkpoint")
@dataclass(frozen=True)
class DinoDiversity(Pretrained):
    """1 minus the mean cosine between a picture's DINOv2 features and those of the others of its group; in [0, 2].

    Features of Oquab et al. 2023 (arXiv:2304.07193); the cosine between DINO features is DreamBooth's measure of likeness
    (Ruiz et al. 2022, arXiv:2208.12242). The mean over a group is its mean pairwise distance; one picture repeated scores
    0, and a picture without others has no score (None).

    It knows neither prompt nor quality: alone it is won by showing anything but what was asked. Weigh it low against the
    collapse to one composition that the other rewards bring, or give it weight 0 to watch that collapse.

    checkpoint, revision, device, dtype, batch_size, offload: see `genrl.rewards.pretrained.Pretrained`.
    """

    checkpoint: str = "facebook/dinov2-base"
    architecture: ClassVar[str] = "Dinov2Model"
    group_wise: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float]] = (0.0, 2.0)

    def __call__(self, prompts: list[str], completions: Tensor, groups: list[int], **columns: Any) -> Any:
        with self.network(completions) as network:
            features = torch.cat([unit(network(pixel_values=x)) for x in self.batches(network, completions)])
            likeness = features @ features.T
        number = torch.tensor(groups, device=features.device)
        siblings = (number[:, None] == number[None, :]).fill_diagonal_(False)
        count = siblings.sum(dim=1)
        distances = 1 - (likeness * siblings).sum(dim=1) / count
        if (count > 0).all():
            return distances
        return [value if others else None for value, others in zip(distances.tolist(), count.tolist(), strict=True)]
