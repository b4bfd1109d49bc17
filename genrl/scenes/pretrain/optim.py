"""Optimisers and learning-rate schedule of the base training."""

import math

import torch
from torch import nn

MATRIX_RATE = 3e-3  # Muon, with updates scaled to the size AdamW's would have
OTHER_RATE = 2e-3  # AdamW: embeddings, text encoder, input and output layers, norms and biases
WARMUP_STEPS = 200
TAIL_START = 0.55
FLOOR = 0.02


def rate_factor(step: int, steps: int) -> float:
    """Factor on the learning rates at ``step`` of ``steps``: linear warm-up, constant, cosine tail to ``FLOOR``."""
    warm = min(1.0, (step + 1) / min(WARMUP_STEPS, steps))
    tail = max(0.0, (step / steps - TAIL_START) / (1 - TAIL_START))
    return warm * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * tail)))


def build_optimizers(transformer: nn.Module, text_encoder: nn.Module, heads: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the transformer blocks, AdamW for everything else; rates are those of factor 1."""
    is_matrix = {
        name: parameter.ndim == 2 and name.startswith("blocks.") and "modulation" not in name
        for name, parameter in transformer.named_parameters()
    }
    matrices = [p for name, p in transformer.named_parameters() if is_matrix[name]]
    others = [p for name, p in transformer.named_parameters() if not is_matrix[name]]
    others += [*text_encoder.parameters(), *heads.parameters()]
    groups = [
        {"params": [p for p in others if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
    ]
    muon = torch.optim.Muon(matrices, lr=MATRIX_RATE, weight_decay=0.01, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    optimizers = [muon, torch.optim.AdamW(groups, lr=OTHER_RATE, betas=(0.9, 0.98))]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"]
    return optimizers


def set_rates(optimizers: list[torch.optim.Optimizer], factor: float) -> None:
    """Set every group's learning rate to ``factor`` times its base rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor
