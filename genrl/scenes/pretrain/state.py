"""Everything that a base training carries from step to step, and its checkpoint file."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from genrl.scenes.folder import Pipeline, build_pipeline
from genrl.scenes.pretrain.grounding import build_heads
from genrl.scenes.pretrain.optim import build_optimizers

EMA_DECAY = 0.999


@dataclass
class State:
    """The trained pipeline, one holding the averaged weights, the text encoder's heads, the optimisers, the next step."""

    pipeline: Pipeline
    average: Pipeline
    heads: nn.Linear
    optimizers: list[torch.optim.Optimizer]
    step: int = 0

    def parameters(self) -> list[Tensor]:
        """The trained parameters, in the order of :meth:`averaged`."""
        return [p for module in _modules(self.pipeline) for p in module.parameters()]

    def averaged(self) -> list[Tensor]:
        """The averaged parameters."""
        return [p for module in _modules(self.average) for p in module.parameters()]


def _modules(pipeline: Pipeline) -> tuple[nn.Module, nn.Module]:
    return pipeline.transformer, pipeline.text_encoder


def new_state(seed: int) -> State:
    """A fresh start: weights from the seed, the average equal to them."""
    torch.manual_seed(seed)
    pipeline, average = build_pipeline(), build_pipeline()
    for source, target in zip(_modules(pipeline), _modules(average), strict=True):
        target.load_state_dict(source.state_dict())
        target.requires_grad_(False)
    for each in (pipeline, average):
        each.set_progress_bar_config(disable=True)
    heads = build_heads()
    return State(pipeline, average, heads, build_optimizers(*_modules(pipeline), heads))


@torch.no_grad()
def update_average(state: State) -> None:
    """Move the averaged weights towards the trained ones; faster in the first steps, when the weights still run."""
    decay = min(EMA_DECAY, (1 + state.step) / (10 + state.step))
    torch._foreach_lerp_(state.averaged(), state.parameters(), 1 - decay)


def save_checkpoint(state: State, path: Path) -> None:
    """Write the whole state; the old file is replaced only once the new one is complete."""
    content = {
        "step": state.step,
        "weights": [module.state_dict() for module in _modules(state.pipeline)],
        "average": [module.state_dict() for module in _modules(state.average)],
        "heads": state.heads.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in state.optimizers],
    }
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    partial.replace(path)


def load_checkpoint(state: State, path: Path) -> None:
    """Put a checkpoint's content into ``state``."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint at {path}; leave out --resume to start a new run.")
    content = torch.load(path, weights_only=True)
    for pipeline, key in ((state.pipeline, "weights"), (state.average, "average")):
        for module, weights in zip(_modules(pipeline), content[key], strict=True):
            module.load_state_dict(weights)
    state.heads.load_state_dict(content["heads"])
    for optimizer, saved in zip(state.optimizers, content["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    state.step = content["step"]
