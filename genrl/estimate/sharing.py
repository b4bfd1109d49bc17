"""What each process of a run does in an iteration: the algorithm itself is run on one process's part."""

from __future__ import annotations

from dataclasses import replace

from genrl.config import RunConfig
from genrl.errors import ConfigError
from genrl.estimate.work import work
from genrl.geometry import Geometry, batches_of, prompts_of_each
from genrl.schedule import shift_grid


def geometry_of(config: RunConfig, processes: int) -> Geometry:
    """The geometry of the first iteration.

    ConfigError if the prompts cannot be shared out, or if the algorithm would take another number of optimizer steps than
    on one process.
    """
    prompts = prompts_of_each(config.train.prompts_per_iteration, processes)
    sigmas = shift_grid(config.sampling.steps, 1.0)
    whole, part = (
        work(replace(config, train=replace(config.train, prompts_per_iteration=count)), sigmas)
        for count in (config.train.prompts_per_iteration, prompts)
    )
    alone, updates = whole.counts["optimizer_steps"], part.counts["optimizer_steps"]
    if alone != updates:
        raise ConfigError(
            f"{config.algorithm_name} takes {alone} optimizer steps with {config.train.prompts_per_iteration} prompts and "
            f"{updates} with {prompts}, so it learns otherwise on {processes} processes; train it with one."
        )
    batches = batches_of(prompts, config.train.rollout_prompts)
    return Geometry(processes, prompts, config.sampling.group_size, batches, updates, part.trained)
