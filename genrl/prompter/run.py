"""From a resolved configuration to a trained prompt writer: TRL's trainer, and genrl's rewards and reports around it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers.trainer_utils import get_last_checkpoint

from genrl import files
from genrl.config.resume import FILE
from genrl.errors import GenrlError
from genrl.interrupt import Interrupt
from genrl.judging.identity import base_version
from genrl.judging.protocol import card_of, held_out_evaluator, prompt_sources, reward_panel
from genrl.judging.source import Found, load
from genrl.monitoring import Watch
from genrl.persistence import Progress
from genrl.policy import WeightedPolicy
from genrl.prompter.asking import Asking
from genrl.prompter.callback import RunCallback
from genrl.prompter.checks import check_requests, reward_weights
from genrl.prompter.config import PrompterConfig, max_steps, to_yaml
from genrl.prompter.folder import ALGORITHM, UNTRAINED, WRITER, Record
from genrl.prompter.grpo import grpo_config, requests_per_batch
from genrl.prompter.judging import WriterJudge, examples
from genrl.prompter.language_model import asking_of, check_language_model, is_adapter, load_language_model, weights_of
from genrl.prompter.painting import Painter
from genrl.prompter.quiet import quiet
from genrl.prompter.reporter import PrompterReporter
from genrl.prompter.requests import prompts_of, trl_dataset
from genrl.prompter.rewards import FaithfulnessReward, PictureReward, text_rewards
from genrl.prompter.settings import WriterSettings
from genrl.prompter.writer import Writer
from genrl.prompts import MapPrompts
from genrl.run import environment

#: Held-out requests that are shown at the end with what is written for them.
SHOWN = 5


@dataclass(frozen=True)
class Parts:
    """Everything of a run but its trainer."""

    config: PrompterConfig
    grpo: Any
    tokenizer: Any
    asking: Asking
    table: MapPrompts
    judge: WriterJudge
    painter: Painter

    def record(self, weights: str = "") -> Record:
        return Record(self.asking.template, self.grpo.max_completion_length, weights)

    def writer(self, model: Any) -> Writer:
        return Writer(model, self.tokenizer, self.asking, self.grpo.max_completion_length)


def start(config: PrompterConfig, resume: bool = False) -> int:
    """Train to the end, or to Ctrl-C; returns the exit status. `config.flow.run.output` is the run's folder."""
    folder = Path(config.flow.run.output)
    folder.mkdir(parents=True, exist_ok=True)
    if config.flow.run.threads:
        torch.set_num_threads(config.flow.run.threads)
    parts = assemble(config)
    reporter = PrompterReporter(folder, ALGORITHM, max_steps(config))
    reporter.source = config.source
    reporter.watch = Watch(config.flow.alarms, parts.judge.rewards.trained)
    weights = {"source": str(folder), "model": config.flow.model.path, "version": base_version(config.flow.model)}
    reporter.card = card_of(config.flow, parts.judge.evaluator, parts.judge.rewards).with_weights(weights)
    checkpoint = get_last_checkpoint(str(folder)) if resume else None
    if resume:
        step = int(checkpoint.rpartition("-")[2]) if checkpoint else 0
        reporter.resume(Progress(step, step if checkpoint else None))  # a step is evaluated before it is saved
    else:
        files.write_text(folder / "environment.yaml", yaml.safe_dump(environment() | {"trl": version("trl")}))
        parts.record(weights_of(config.writer.path)).write(folder / UNTRAINED)
    files.write_text(folder / FILE, to_yaml(config))
    stop = Interrupt()
    on_alarm = config.flow.evaluation.stop_on_alarm
    try:
        with quiet(), stop, reporter:
            trainer = build_trainer(parts, reporter, lambda: stop() or (on_alarm and bool(reporter.raised)))
            trainer.train(resume_from_checkpoint=checkpoint)
    except GenrlError:
        reporter.report("stopped")
        raise
    trainer.save_state()
    step = trainer.state.global_step
    finished = step >= trainer.state.max_steps
    if finished:
        _keep(trainer, parts, folder / WRITER)
    reporter.conclude(step, finished)
    if finished:
        reporter.written(examples(parts.writer(trainer.accelerator.unwrap_model(trainer.model)), parts.judge.evaluator, SHOWN))
    reporter.report("finished" if finished else "stopped")
    return 0


def assemble(config: PrompterConfig) -> Parts:
    """The parts of a run; everything cheap is checked before weights are read."""
    flow = config.flow
    grpo = grpo_config(config, reward_weights(config))
    tokenizer = check_language_model(config.writer)
    asking = asking_of(config.writer, tokenizer)
    rewards = reward_panel(flow, Path(flow.run.output) / "failures")
    table, heldout = prompt_sources(flow)
    assert isinstance(table, MapPrompts), "a configuration of a prompt writer does not stream"
    evaluator = held_out_evaluator(flow, heldout)
    check_requests(config.writer.faithfulness, [*prompts_of(table), *evaluator.prompts])
    trl_dataset(table, asking, requests_per_batch(grpo))
    found = Found(flow, config.tuned)
    model = load(found)
    for network in model.networks.values():
        network.requires_grad_(False)
    policy = WeightedPolicy(model)
    precision = found.mixed_precision
    judge = WriterJudge(evaluator, policy, rewards, config.writer.faithfulness, precision, model.forget)
    painter = Painter(model, policy, found.sampling, precision, flow.run.seed)
    return Parts(config, grpo, tokenizer, asking, table, judge, painter)


def build_trainer(parts: Parts, reporter: PrompterReporter, stop: Any) -> Any:
    """TRL's own GRPOTrainer: the language model, the reward functions and the requests, and our callback."""
    from transformers import PrinterCallback
    from trl import GRPOTrainer

    config, requests = parts.config, prompts_of(parts.table)
    writer = config.writer
    callback = RunCallback(
        reporter,
        lambda model: parts.judge(parts.writer(trainer.accelerator.unwrap_model(model))),
        config.flow.evaluation.every,
        parts.painter.policy,
        parts.record(),
        stop,
    )
    pictures = PictureReward(requests, parts.judge.rewards, parts.painter, writer.pictures)
    functions: list[Any] = [pictures, FaithfulnessReward(requests, writer.faithfulness), *text_rewards(config.text_rewards)]
    trainer = GRPOTrainer(
        model=load_language_model(writer, trainable=True) if is_adapter(writer) else weights_of(writer.path),
        reward_funcs=functions,
        args=parts.grpo,
        train_dataset=trl_dataset(parts.table, parts.asking, requests_per_batch(parts.grpo)),
        processing_class=parts.tokenizer,
        peft_config=None if writer.weights == "full" or is_adapter(writer) else _lora(writer),
        callbacks=[callback],
    )
    # It prints every row of the log as a dictionary, below our own view of it.
    trainer.remove_callback(PrinterCallback)
    return trainer


def _lora(writer: WriterSettings) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=writer.lora_rank,
        lora_alpha=writer.lora_alpha,
        target_modules=list(writer.lora_targets) or "all-linear",
        task_type="CAUSAL_LM",
    )


def _keep(trainer: Any, parts: Parts, folder: Path) -> None:
    """The finished writer with its tokenizer and how it is asked, as transformers or peft load it."""
    with files.whole_folder(folder) as draft:
        trainer.accelerator.unwrap_model(trainer.model).save_pretrained(draft)
        parts.tokenizer.save_pretrained(draft)
        parts.record().write(draft)
