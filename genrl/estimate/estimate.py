"""One estimate: a configuration and a GPU in, memory and time out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from genrl.config import RunConfig
from genrl.estimate.costs import Costs, measure
from genrl.estimate.devices import USABLE, UTILISATION, Gpu
from genrl.estimate.duration import evaluation_seconds, flops, precise_share, seconds
from genrl.estimate.memory import Memory, decode_rows, memory
from genrl.estimate.work import Work, work
from genrl.models import DiffusersModel
from genrl.models.hollow import animate
from genrl.models.switches import apply_switches, check_switches
from genrl.rollout import sigma_grid
from genrl.run import load_policy

AUTOCAST = {"no": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Estimate:
    """flops and seconds: of one iteration, part by part. `networks`: trained parameters and all of them, by network.

    decode_rows: latents that are decoded at once. evaluation: seconds of one.
    """

    config: RunConfig
    gpu: Gpu
    utilisation: float
    networks: Mapping[str, tuple[int, int]]
    latent_shape: tuple[int, ...]
    decode_rows: int
    work: Work
    costs: Costs
    memory: Memory
    flops: Mapping[str, float]
    seconds: Mapping[str, float]
    evaluation: float

    @property
    def fits(self) -> bool:
        return self.memory.peak <= self.room

    @property
    def room(self) -> float:
        """Bytes that a run can fill."""
        return USABLE * self.gpu.memory * 1e9

    @property
    def precise(self) -> float:
        """The share of the network's time that goes into operations in float32."""
        return precise_share(self.costs, self.work, self.gpu)

    @property
    def run(self) -> float:
        """Seconds of the whole run, evaluations included and rewards not."""
        train, every = self.config.train, self.config.evaluation.every
        evaluations = 1 + (-(-train.max_steps // every) if every else 1)
        encoding = self.seconds["encoding"]  # once for each prompt, whose number is not known: counted for one iteration
        return train.max_steps * (sum(self.seconds.values()) - encoding) + encoding + evaluations * self.evaluation

    def plain(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        counted = {"counts": dict(self.work.counts), "flops": dict(self.flops), "seconds": dict(self.seconds)}
        sizes = dataclasses.asdict(self.memory) | {"peak": self.memory.peak, "usable": self.room}
        return counted | {
            "algorithm": self.config.algorithm_name,
            "model": self.config.model.path,
            "gpu": dataclasses.asdict(self.gpu) | {"utilisation": self.utilisation},
            "parameters": {name: {"trained": trained, "all": total} for name, (trained, total) in self.networks.items()},
            "latent_shape": list(self.latent_shape),
            "costs": dataclasses.asdict(self.costs),
            "memory": sizes,
            "run_seconds": self.run,
            "fits": self.fits,
        }


def estimate(config: RunConfig, gpu: Gpu, utilisation: float = UTILISATION) -> Estimate:
    """Build the model of the configuration without weights, run each kind of pass once, and let the algorithm count."""
    check_switches(config.model)
    policy = load_policy(config.model, config.algorithm, config.train.ema_decay > 0, torch.device("meta"))
    model = policy.model
    assert isinstance(model, DiffusersModel)
    # What is stored in 8 bits is reckoned in `memory`; how layers are compiled or attend changes no operation.
    apply_switches(model.networks, dataclasses.replace(config.model, fp8_base=False, compile=False, attention=""))
    animate(model.pipe)
    sigmas = sigma_grid(model, config.sampling.steps, config.sampling.shift)
    asked = work(config, sigmas)
    at_once = decode_rows(config, model)
    costs = measure(policy, model, config.sampling.steps, AUTOCAST[config.train.mixed_precision])
    return Estimate(
        config=config,
        gpu=gpu,
        utilisation=utilisation,
        networks={name: _parameters(network) for name, network in model.networks.items()},
        latent_shape=model.latent_shape(),
        decode_rows=at_once,
        work=asked,
        costs=costs,
        memory=memory(config, policy, model, costs, asked),
        flops=flops(costs, asked),
        seconds=seconds(config, costs, asked, gpu, utilisation, at_once),
        evaluation=evaluation_seconds(config, costs, gpu, utilisation),
    )


def _parameters(network: torch.nn.Module) -> tuple[int, int]:
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in network.parameters()]
    return sum(size for size, trained in sizes if trained), sum(size for size, _ in sizes)
