"""An estimate beside the run that it is about."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from genrl.config import RunConfig, resolve
from genrl.errors import ConfigError
from genrl.estimate import Gpu, advise, estimate, find_gpu
from genrl.estimate.costs import measure
from genrl.estimate.estimate import Estimate
from genrl.run import build, load_policy
from tests.models.configs import write_configs
from tests.tiny_pipelines import build as tiny


@pytest.fixture(scope="module")
def scenes() -> Estimate:
    return estimate(resolve(), find_gpu("H100"))


@pytest.fixture(scope="module")
def sd3(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """A tiny pipeline with a reward and prompts, from its configs alone: four blocks, which cost nothing to make."""
    pipe = tiny("sd3")
    folder = write_configs(pipe.pipe, tmp_path_factory.mktemp("sd3"))
    path = folder / "transformer" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_layers": 4}))
    sets = ["sampling.steps=4", "sampling.group_size=4", "rewards=jpeg-size", "prompts.source=x.txt", "model.lora_rank=2"]
    flags = {"model.path": str(folder), "model.call": pipe.call}
    return resolve("mix-grpo", sets=[*sets, "steps.size=2"], flags=flags)


def test_default_run_asks_for_what_it_is_measured_to_ask(scenes: Estimate, tmp_path: Path) -> None:
    config = resolve(sets=["run.device=cpu", "run.threads=1"])
    row = build(config, tmp_path, reporter=None).iterate(0)
    names = ("forwards", "reference_forwards", "backwards", "decodes", "optimizer_steps", "calls")
    assert {name: scenes.work.counts[name] for name in names} == {name: row[name] for name in names}
    assert row["forwards"] == 8 * 12 * 8


def test_components_are_those_of_the_model(scenes: Estimate) -> None:
    policy = load_policy(scenes.config.model, scenes.config.algorithm, ema=False, device=torch.device("cpu"))
    sizes = {
        name: sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))
        for name, module in policy.model.pipe.components.items()
        if isinstance(module, torch.nn.Module)
    }
    assert scenes.memory.components == sizes
    trained = sum(parameter.numel() for parameter in policy.parameters())
    assert scenes.networks["transformer"] == (trained, trained)
    assert scenes.memory.optimizer == 2 * 4 * trained
    assert scenes.memory.weight_sets == 4 * trained  # the reference of kl-velocity
    assert scenes.fits


def test_passes_cost_what_they_cost_with_numbers(scenes: Estimate) -> None:
    """Operations, kernels and the peak of memory: the same computation on the shipped weights."""
    policy = load_policy(scenes.config.model, scenes.config.algorithm, ema=False, device=torch.device("cpu"))
    real = measure(policy, policy.model, scenes.config.sampling.steps, autocast=None)
    for part in ("forward", "trained", "decode"):
        ours, theirs = getattr(scenes.costs, part), getattr(real, part)
        assert (ours.flops, ours.kernels) == (theirs.flops, theirs.kernels)
        assert ours.peak == pytest.approx(theirs.peak, rel=0.01)


def test_checkpointing_trades_operations_for_memory(sd3: RunConfig) -> None:
    recomputing = dataclasses.replace(sd3, model=dataclasses.replace(sd3.model, gradient_checkpointing=True))
    plain, checkpointed = estimate(sd3, find_gpu("l4")), estimate(recomputing, find_gpu("l4"))
    assert checkpointed.costs.trained.peak < 0.7 * plain.costs.trained.peak
    assert checkpointed.costs.trained.flops > 1.2 * plain.costs.trained.flops
    assert checkpointed.costs.forward == plain.costs.forward


def test_mixed_precision_is_measured_in_its_type(sd3: RunConfig) -> None:
    plain = estimate(sd3, find_gpu("h100"))
    mixed = estimate(dataclasses.replace(sd3, train=dataclasses.replace(sd3.train, mixed_precision="bf16")), find_gpu("h100"))
    assert mixed.costs.trained.peak != plain.costs.trained.peak
    assert mixed.costs.trained.flops == plain.costs.trained.flops


def test_plain_data_has_the_numbers(scenes: Estimate) -> None:
    plain = scenes.plain()
    assert plain["memory"]["peak"] == scenes.memory.peak
    assert plain["flops"]["rollout"] == scenes.costs.forward.flops * (768 + 128)
    assert plain["run_seconds"] == pytest.approx(scenes.run)


def test_an_unknown_gpu_has_a_near_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'rtx4090'"):
        find_gpu("rtx409")


def card(memory: float) -> Gpu:
    return Gpu("a card", memory / 1e9, 100.0, 10.0)


def test_advice_fits_and_is_none_where_nothing_has_to_change(sd3: RunConfig) -> None:
    found = estimate(sd3, card(1e9))
    assert advise(found).settings == ()
    memory, usable = found.memory, found.room / 1e9
    small = dataclasses.replace(found, gpu=card((memory.standing + 1.5 * found.costs.trained.peak) / usable))
    advice = advise(small)
    assert not small.fits
    assert advice.outcome is not None
    assert advice.outcome.fits
    assert advice.settings
    for setting in advice.settings:
        section, _, rest = setting.partition(".")
        name, _, value = rest.partition("=")
        assert str(getattr(getattr(advice.outcome.config, section), name)).lower() == value


def test_no_advice_where_nothing_helps(sd3: RunConfig) -> None:
    found = estimate(sd3, card(1e5))
    advice = advise(found)
    assert (advice.settings, advice.outcome) == ((), None)
