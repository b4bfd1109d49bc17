"""The base model's objective: rectified flow with a prediction of the clean picture, weighed as a velocity error."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from genrl.scenes.folder import MAX_TOKENS, MIN_TIME
from genrl.scenes.pretrain.data import Batch


def encode(tokenizer: Callable[..., Any], text_encoder: nn.Module, prompts: list[str]) -> tuple[Tensor, Tensor]:
    """Text states ``(B, L, C)`` and bool mask ``(B, L)``, exactly as the pipeline makes them, but with gradients."""
    tokens = tokenizer(prompts, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt")
    mask = tokens["attention_mask"].bool()
    return text_encoder(input_ids=tokens["input_ids"], attention_mask=mask).last_hidden_state, mask


def velocity_loss(transformer: Callable[..., Any], text: Tensor, mask: Tensor, batch: Batch, bf16: bool) -> Tensor:
    """Mean squared error of the velocity that the pipeline derives from the transformer's clean picture.

    ``x_t = (1 - t) x0 + t noise`` and ``v = (x_t - x0) / max(t, MIN_TIME)``, so an error in x0 counts ``1 / t^2``.
    """
    time = batch.time.view(-1, 1, 1, 1)
    noisy = (1 - time) * batch.x0 + time * batch.noise
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        predicted = transformer(
            hidden_states=noisy,
            timestep=batch.time,
            encoder_hidden_states=text,
            attention_mask=mask,
            return_dict=False,
        )[0]
    return ((predicted.float() - batch.x0) / time.clamp(min=MIN_TIME)).square().mean()
