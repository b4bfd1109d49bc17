"""Where the memory of a run goes: what stays, and what each part of an iteration adds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from genrl.config import RunConfig
from genrl.estimate.costs import Costs
from genrl.estimate.work import Work
from genrl.models import DiffusersModel
from genrl.models.lora import block_layers
from genrl.models.media import makes_video
from genrl.policy import WeightedPolicy

#: AdamW keeps two numbers for each trained one.
MOMENTS = 2
#: The component that decodes; the others that are not trained encode.
DECODER = "vae"


@dataclass(frozen=True)
class Memory:
    """Bytes. `components`, `optimizer` (moments), `weight_sets` (reference, average) and `kept` latents stay all the time.

    encoding, rollout, decoding, learning: what each part of an iteration adds. Gradients belong to learning, and the
    components that `model.offload` keeps on the CPU to the part that needs them.
    """

    components: dict[str, int]
    optimizer: int
    weight_sets: int
    kept: int
    encoding: int
    rollout: int
    decoding: int
    learning: int

    @property
    def standing(self) -> int:
        return sum(self.components.values()) + self.optimizer + self.weight_sets + self.kept

    @property
    def peak(self) -> int:
        return self.standing + max(self.encoding, self.rollout, self.decoding, self.learning)


def memory(config: RunConfig, policy: WeightedPolicy, model: DiffusersModel, costs: Costs, work: Work) -> Memory:
    """The memory of a run of this configuration; a row more is taken to cost as much as the first."""
    trained = size(policy.parameters())
    asked, decoded = max(work.asked), max(work.decoded, default=0)
    modules = {name: part for name, part in model.pipe.components.items() if isinstance(part, nn.Module)}
    ordered = [*model.networks, *(name for name in modules if name not in model.networks)]
    components = {name: size(_tensors(modules[name])) for name in ordered}
    visitors = {name: taken for name, taken in components.items() if config.model.offload and name not in model.networks}
    if config.model.fp8_base:
        components |= {name: components[name] - _saved_in_fp8(network) for name, network in model.networks.items()}
    return Memory(
        components={name: taken for name, taken in components.items() if name not in visitors},
        optimizer=MOMENTS * trained,
        weight_sets=sum(size(policy.weight_set(name).values()) for name in policy.stored_sets),
        kept=int(4 * work.kept * costs.dimensions),
        encoding=costs.encode.peak + max([0, *(taken for name, taken in visitors.items() if name != DECODER)]),
        rollout=costs.forward.peak * min(config.model.max_rows or asked, asked),
        decoding=costs.decode.peak * min(decode_rows(config, model), decoded) + visitors.get(DECODER, 0),
        learning=costs.trained.peak * max(work.trained) + trained,
    )


def decode_rows(config: RunConfig, model: DiffusersModel) -> int:
    """How many latents are decoded at once, as `DiffusersModel` begins."""
    return config.model.decode_rows or (1 if makes_video(model.pipe) else 16)


def _saved_in_fp8(network: nn.Module) -> int:
    """Bytes that the frozen layers of the blocks do without when they keep one for each number."""
    layers = [layer for layer in block_layers(network).values() if not layer.weight.requires_grad]
    return sum((tensor.element_size() - 1) * tensor.numel() for layer in layers for tensor in layer.parameters())


def size(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
