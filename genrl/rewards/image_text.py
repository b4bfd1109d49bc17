"""Rewards of a picture and its prompt that CLIP's two towers give."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genrl.rewards.examples import circle, noise
from genrl.rewards.networks import load_tokenizer
from genrl.rewards.pretrained import Pretrained, unit


@dataclass(frozen=True)
class ImageText(Pretrained, ABC):
    """The cosine between a picture's and its prompt's features, on a scale of the reward's own.

    processor: the checkpoint (hub id or folder) of tokenizer and image processor; None takes them from `checkpoint`.
    """

    processor: str | None = None

    @abstractmethod
    def scaled(self, network: Any, cosines: Tensor) -> Tensor:
        """(B,) cosines -> (B,) rewards."""

    def worded(self, prompts: list[str]) -> list[str]:
        """The prompts as the network wants to read them."""
        return prompts

    def __call__(self, prompts: list[str], completions: Tensor, **columns: Any) -> Tensor:
        with self.network(completions) as network:
            texts = self._texts(network, self.worded(prompts))
            images = torch.cat([unit(network.get_image_features(pixel_values=x)) for x in self.batches(network, completions)])
            return self.scaled(network, (texts * images).sum(dim=1))

    def check(self) -> None:
        super().check()
        load_tokenizer(*self.processing)

    def known_answers(self) -> tuple[dict[str, Any], Tensor, Tensor]:
        """Columns of a prompt, a picture that scores high and one that scores low, (3, H, W) in [0, 1]."""
        return {"prompt": "a red circle"}, circle(), noise()

    @property
    def processing(self) -> tuple[str, str | None]:
        return (self.processor, None) if self.processor else super().processing

    def _texts(self, network: Any, texts: list[str]) -> Tensor:
        """(B, D) unit features; each distinct text is encoded once, padded to the full length whatever its company.

        No attention mask: CLIP's causal tower has read the text before the padding begins, and SigLIP's is trained to read
        the padding as well.
        """
        row_of = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        tokens = load_tokenizer(*self.processing)(
            list(row_of),
            padding="max_length",
            truncation=True,
            max_length=network.config.text_config.max_position_embeddings,
            return_tensors="pt",
        ).input_ids.to(network.device)
        features = torch.cat([unit(network.get_text_features(input_ids=part)) for part in tokens.split(self.batch_size)])
        return features[[row_of[text] for text in texts]]
