"""What all rewards share that ask a pretrained network of transformers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from genrl.bounds import Count
from genrl.errors import RewardError
from genrl.registry import component_name
from genrl.rewards.networks import check_weights, commit_of, load_network, load_preprocessing


@dataclass(frozen=True)
class Pretrained:
    """A reward that is a function of a frozen network, differentiable in the pixels.

    Networks are loaded at the first call and shared by all rewards that name the same one.

    checkpoint: a hub id or a folder, in safetensors.
    revision: a commit, branch or tag of the hub; None takes the commit in `genrl/rewards/networks.py` for the published
        checkpoints, and the newest for any other.
    device: where the network runs, such as "cuda:1"; None runs it where the pictures are.
    dtype: of weights and activations. bfloat16 and float16 take half the memory of float32 and make scores coarser: close
        members of a group may change places. What comes out is float32 in any case.
    batch_size: pictures at once; more is faster and takes more memory. The scores do not depend on it.
    offload: True moves the network to the CPU after each call, so that it takes no accelerator memory while the model
        learns, at the cost of two moves a call.
    """

    checkpoint: str
    revision: str | None = None
    device: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    batch_size: Count = 32
    offload: bool = False

    #: The network's class in transformers.
    architecture: ClassVar[str]
    media: ClassVar[str] = "tensor"
    differentiable: ClassVar[bool] = True

    @property
    def version(self) -> str:
        return f"{self.checkpoint}@{commit_of(self.checkpoint, self.revision) or 'main'}"

    def check(self) -> None:
        """RewardError with the cure if the checkpoint is not to be had; reads no weights yet."""
        check_weights(component_name(self), self.architecture, self.checkpoint, self.revision)
        load_preprocessing(*self.processing)

    @property
    def processing(self) -> tuple[str, str | None]:
        """Checkpoint and revision of what prepares the network's inputs."""
        return self.checkpoint, self.revision

    def prepared(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> what the network takes, as its image processor would make it."""
        return load_preprocessing(*self.processing)(pixels)

    @contextmanager
    def network(self, pixels: Tensor) -> Iterator[Any]:
        """The network, on the device where it is to run, in its own dtype whatever the model trains in."""
        name = component_name(self)
        if pixels.ndim != 4:
            raise RewardError(f"{name} judges pictures, not videos; use the reward per-frame with its option of: {name}.")
        if self.offload and pixels.requires_grad and torch.is_grad_enabled():
            raise RewardError(f"The gradient of {name} needs its network in place; set its option offload to false.")
        network = load_network(self.architecture, self.checkpoint, self.revision, self.dtype)
        network.to(self.device or pixels.device)
        try:
            with torch.autocast(network.device.type, enabled=False):
                yield network
        finally:
            if self.offload:
                network.to("cpu")

    def batches(self, network: Any, pixels: Tensor) -> Iterator[Tensor]:
        """What the network takes, `batch_size` pictures at a time, on its device and in its dtype."""
        for part in pixels.split(self.batch_size):
            yield self.prepared(part.to(network.device)).to(getattr(torch, self.dtype))


def unit(output: Any) -> Tensor:
    """(B, D) pooled features of length 1, float32."""
    return F.normalize(output.pooler_output.float(), dim=-1)
