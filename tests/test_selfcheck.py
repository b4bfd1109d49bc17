"""A run checks itself before it spends anything, and nothing of it is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from genrl.config import RunConfig, resolve
from genrl.errors import ModelError
from genrl.models import DiffusersModel
from genrl.run import build, start
from genrl.selfcheck import check_start

SMALL = (
    "run.device=cpu",
    "run.threads=1",
    "sampling.steps=4",
    "sampling.group_size=4",
    "train.prompts_per_iteration=2",
    "train.max_steps=1",
    "evaluation.samples=2",
    "evaluation.every=0",
)


class Said:
    """A reporter that only listens."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    warning = say


def config(tmp_path: Path, *sets: str) -> RunConfig:
    return resolve(sets=[*SMALL, f"run.output={tmp_path / 'run'}", *sets])


@pytest.fixture
def dropping(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network of every model drops half of its answer."""
    init = DiffusersModel.__init__

    def with_dropout(self: DiffusersModel, *args: object, **kwargs: object) -> None:
        init(self, *args, **kwargs)  # type: ignore[arg-type]
        for network in self.networks.values():
            network.register_forward_hook(lambda module, inputs, outputs: (nn.functional.dropout(outputs[0], 0.5),))

    monkeypatch.setattr(DiffusersModel, "__init__", with_dropout)


def test_nothing_is_counted_and_no_text_is_encoded_for_it(tmp_path: Path) -> None:
    settled, said = config(tmp_path), Said()
    rows = {}
    for checked in (False, True):
        trainer = build(settled, tmp_path, reporter=said)
        if checked:
            check_start(settled, trainer, said)
        assert not trainer.policy.counts
        evaluated = trainer.policy.encode([prompt.text for prompt in trainer.evaluator.prompts])
        assert len(evaluated) == len(trainer.evaluator.prompts)
        rows[checked] = trainer.iterate(0)
    counted = ("forwards", "backwards", "reference_forwards", "calls", "encodes", "optimizer_steps", "loss", "grad_norm")
    assert {name: rows[True][name] for name in counted} == {name: rows[False][name] for name in counted}
    assert said.lines == ["[dim]Self-check: a replayed step is the rollout's, bit-equal.[/]"]


def test_a_run_that_cannot_replay_ends_before_its_first_step(dropping: None, tmp_path: Path) -> None:
    settled = config(tmp_path)
    with pytest.raises(ModelError, match="self-check failed.*dropout"):
        start(settled)
    assert not (tmp_path / "run" / "checkpoints").exists()
    metrics = tmp_path / "run" / "metrics.jsonl"
    assert not metrics.exists() or not metrics.read_text()


def test_it_can_be_switched_off(dropping: None, tmp_path: Path) -> None:
    assert start(config(tmp_path, "run.self_check=false")) == 0
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert max(row["step"] for row in rows) == 1


def test_the_first_update_is_looked_at_once(tmp_path: Path) -> None:
    said = Said()
    every_step = "steps={name: every, stochastic: false}"
    settled = config(tmp_path, "surrogate.old_reference=stored", "update_every=anchor", every_step)
    trainer = build(settled, tmp_path, reporter=said)
    trainer.iterate(0)
    assert len(said.lines) == 1
    assert "by the recipe's formula alone" in said.lines[0]
    trainer.iterate(1)
    assert len(said.lines) == 1


def test_the_paper_recipe_declares_its_ratio(tmp_path: Path) -> None:
    said = Said()
    settled = resolve("neighbor-grpo-paper", sets=[*SMALL, f"run.output={tmp_path / 'run'}"])
    build(settled, tmp_path, reporter=said).iterate(0)
    assert said.lines == []


def test_a_dropping_network_is_noticed_at_the_first_update(dropping: None, tmp_path: Path) -> None:
    said = Said()
    torch.manual_seed(0)
    build(config(tmp_path, "model.gradient_checkpointing=true"), tmp_path, reporter=said).iterate(0)
    assert len(said.lines) == 1
    assert "answers otherwise in learning" in said.lines[0]
    assert "model.gradient_checkpointing=true" in said.lines[0]
