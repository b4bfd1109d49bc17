"""What is measured: a model by name or folder, with settings under which an iteration takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from genrl.bench.networks import flux_dev, made_on, sd3_30m, sd35_medium
from genrl.config import RunConfig, check_device, check_model, resolve, to_plain
from genrl.config.checks import check_prompts, check_rewards
from genrl.config.world import SCENES
from genrl.errors import ModelError
from genrl.judging.source import device_of
from genrl.models import DiffusersModel
from genrl.models.loading import DTYPES
from genrl.models.switches import apply_switches, check_switches
from genrl.policy import WeightedPolicy
from genrl.registry import suggestion
from genrl.run import load_policy, policy_of

#: One thread, so that CPU time is the time of the work; and no questions to the network beside an iteration's own.
ALWAYS = ("run.threads=1", "run.self_check=false")
#: Of a model that draws noise. The reward costs nothing, because it is not what is measured.
NOISE = ("prompts.source=scenes", "rewards={random: 1.0}", "train.prompts_per_iteration=1")
IN_16_BITS = ("model.dtype=bfloat16", "train.mixed_precision=bf16", "model.decode_rows=4")
#: The loop's standard work: 16 pictures of 4 steps, 2 of which are trained if the recipe chooses steps by such a field.
LOOP = (
    "train.prompts_per_iteration=2",
    "train.rollout_prompts=0",
    "train.rows=16",
    "sampling.group_size=8",
    "sampling.steps=4",
)
TWO_OF_FOUR = {"fraction": 0.67, "size": 2}


@dataclass(frozen=True)
class Workload:
    """settings: as for --set, below the user's own. pipeline: makes it with random weights; None loads it.

    short: has 4 steps, and 2 of them trained, as the loop alone.
    target: the largest ratio of an iteration to its network calls that the project allows itself; None promises nothing.
    """

    settings: tuple[str, ...] = ()
    pipeline: Callable[[], Any] | None = None
    short: bool = False
    target: float | None = None


BUILT_IN = {
    SCENES: Workload(target=1.10),
    "sd3-30m": Workload(
        (*NOISE, "model.call={height: 128, width: 128, guidance_scale: 1.0}", "sampling={steps: 4, group_size: 4}"),
        sd3_30m,
        short=True,
        target=1.02,
    ),
    "sd35-medium": Workload(
        (*NOISE, *IN_16_BITS, "model.call={height: 512, width: 512, guidance_scale: 4.5}"), sd35_medium, target=1.11
    ),
    "flux-720": Workload((*NOISE, *IN_16_BITS, "model.call={height: 720, width: 720}"), flux_dev, target=1.11),
}


def configured(model: str, algo: str | None, sets: Sequence[str], device: str | None) -> tuple[RunConfig, RunConfig]:
    """The configuration whose iterations are measured, and that of the loop alone; both are checked."""
    workload = BUILT_IN.get(model, Workload())
    flags = {"model.path": model} | ({} if device is None else {"run.device": device})
    own = [*ALWAYS, *workload.settings]
    selector = to_plain(resolve(algo, sets=[*own, *sets], flags=flags))["algorithm"].get("steps") or {}
    two = [f"steps.{name}={value}" for name, value in TWO_OF_FOUR.items() if name in selector]
    whole = resolve(algo, sets=[*own, *(two if workload.short else []), *sets], flags=flags)
    alone = resolve(algo, sets=[*own, *sets, *LOOP, *two], flags=flags)
    for config in (whole, alone):
        config.algorithm.check(config.sampling)
    if model not in BUILT_IN:
        if "/" not in model and not Path(model).exists():
            raise ModelError(f"There is no folder and no built-in model {model!r}{suggestion(model, BUILT_IN)}")
        check_model(whole.model)
    check_switches(whole.model)
    check_rewards(whole.rewards)
    check_prompts(whole.prompts)
    check_device(whole.run, whole.train)
    return whole, alone


def loaded(config: RunConfig) -> WeightedPolicy:
    """The policy of a configuration, its networks as a run has them; a built-in model gets random weights."""
    settings, device, ema = config.model, device_of(config.run.device), config.train.ema_decay > 0
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    torch.manual_seed(config.run.seed)
    pipeline = BUILT_IN.get(settings.path, Workload()).pipeline
    if pipeline is None:
        policy = load_policy(settings, config.algorithm, ema, device)
    else:
        with made_on(device, DTYPES[settings.dtype]):
            pipe = pipeline()
        pipe.set_progress_bar_config(disable=True)
        model = DiffusersModel(pipe, settings.call, settings.max_rows, settings.decode_rows)
        policy = policy_of(model, settings, config.algorithm, ema)
    apply_switches(policy.model.networks, settings)
    return policy
