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
from tests.test_counts import COUNTS
from tests.tiny_pipelines import build as tiny


def card(memory: float) -> Gpu:
    return Gpu("a card", memory / 1e9, 100.0, 10.0)


def changed(config: RunConfig, **model: object) -> RunConfig:
    return dataclasses.replace(config, model=dataclasses.replace(config.model, **model))


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


@pytest.fixture(scope="module")
def plain(sd3: RunConfig) -> Estimate:
    return estimate(sd3, card(1e9))


def test_default_run_asks_for_what_it_is_measured_to_ask(scenes: Estimate, tmp_path: Path) -> None:
    config = resolve(sets=["run.device=cpu", "run.threads=1"])
    row = build(config, tmp_path, reporter=None).iterate(0)
    names = (*COUNTS, "calls")
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


def test_checkpointing_trades_operations_for_memory(sd3: RunConfig, plain: Estimate) -> None:
    checkpointed = estimate(changed(sd3, gradient_checkpointing=True), plain.gpu)
    assert checkpointed.costs.trained.peak < 0.7 * plain.costs.trained.peak
    assert checkpointed.costs.trained.flops > 1.2 * plain.costs.trained.flops
    assert checkpointed.costs.forward == plain.costs.forward


def test_adapters_multiply_in_float32_unless_precision_is_mixed(sd3: RunConfig) -> None:
    half = changed(sd3, dtype="bfloat16")
    apart = estimate(half, find_gpu("h100"))
    mixed = estimate(dataclasses.replace(half, train=dataclasses.replace(sd3.train, mixed_precision="bf16")), find_gpu("h100"))
    adapters = sum(p for p, _ in apart.networks.values())
    # Two operations for each parameter and row, of which guidance makes two, at the least.
    assert 2 * 2 * adapters < apart.costs.forward.precise < 0.2 * apart.costs.forward.flops
    assert mixed.costs.forward.precise == 0
    assert mixed.costs.trained.flops == apart.costs.trained.flops
    assert apart.precise > 0.1 > mixed.precise


def test_offload_leaves_the_networks_and_brings_what_is_needed(sd3: RunConfig, plain: Estimate) -> None:
    here, away = plain.memory, estimate(changed(sd3, offload=True), plain.gpu).memory
    assert set(away.components) == {"transformer"}
    assert away.decoding - here.decoding == here.components["vae"]
    assert away.encoding - here.encoding == max(size for name, size in here.components.items() if name.startswith("text"))
    assert away.learning == here.learning


def test_fp8_stores_the_frozen_layers_of_the_blocks_in_a_byte(sd3: RunConfig, plain: Estimate) -> None:
    stored = estimate(changed(sd3, gradient_checkpointing=True, fp8_base=True), plain.gpu)
    trained, total = plain.networks["transformer"]
    saved = plain.memory.components["transformer"] - stored.memory.components["transformer"]
    assert saved % 3 == 0  # three bytes of four
    assert 0.2 * (total - trained) < saved / 3 < total - trained


def test_plain_data_has_the_numbers(scenes: Estimate) -> None:
    data = scenes.plain()
    assert data["memory"]["peak"] == scenes.memory.peak
    assert data["flops"]["rollout"] == scenes.costs.forward.flops * (768 + 128)
    assert data["run_seconds"] == pytest.approx(scenes.run)


def test_an_unknown_gpu_has_a_near_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'rtx4090'"):
        find_gpu("rtx409")


def test_advice_fits_and_is_none_where_nothing_has_to_change(plain: Estimate) -> None:
    assert advise(plain).settings == ()
    memory, usable = plain.memory, plain.room / 1e9
    small = dataclasses.replace(plain, gpu=card((memory.standing + 1.5 * plain.costs.trained.peak) / usable))
    advice = advise(small)
    assert not small.fits
    assert advice.outcome is not None
    assert advice.outcome.fits
    assert advice.settings
    for setting in advice.settings:
        section, _, rest = setting.partition(".")
        name, _, value = rest.partition("=")
        assert str(getattr(getattr(advice.outcome.config, section), name)).lower() == value


@pytest.mark.slow
def test_no_advice_where_nothing_helps(plain: Estimate) -> None:
    advice = advise(dataclasses.replace(plain, gpu=card(1e5)))
    assert (advice.settings, advice.outcome) == ((), None)
