"""What genrl adds to TRL's training, as a TrainerCallback: evaluations, grids, alarms, metrics and the live view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from genrl.evaluation import Evaluation
from genrl.policy import COUNTED, WeightedPolicy
from genrl.prompter.folder import Record
from genrl.reporting import RunReporter


class RunCallback(TrainerCallback):
    """Tells a reporter what TRL logs, and evaluates at step 0, every `every` steps and at the end.

    evaluate: given the language model as it stands, without its wrappers. stop: asked after each step. record: written into
    every checkpoint, so that each is a writer that can be used. policy: whose counts are the cost of a step.
    """

    def __init__(
        self,
        reporter: RunReporter,
        evaluate: Callable[[Any], Evaluation],
        every: int,
        policy: WeightedPolicy,
        record: Record,
        stop: Callable[[], bool],
    ) -> None:
        self.reporter, self.evaluate, self.every = reporter, evaluate, every
        self.policy, self.record, self.stop = policy, record, stop

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any
    ) -> None:
        if state.global_step == 0:
            self._evaluate(0, model)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        model: Any = None,
        **_: Any,
    ) -> None:
        """TRL logs every step once; what it logs besides, a summary at the end, has no loss."""
        logs, step = logs or {}, state.global_step
        if "loss" not in logs:
            return
        # Steps that reuse completions have no rewards of their own.
        if logs.get("reward") is not None:
            numbers = {name: float(value) for name, value in logs.items() if isinstance(value, float | int)}
            counts = {name: float(self.policy.counts[name]) for name in COUNTED} | {"optimizer_steps": 1.0}
            self.policy.counts.clear()
            self.reporter.iteration(step, {"step_time": 0.0} | numbers | counts)
        if step == state.max_steps or (self.every and step % self.every == 0):
            self._evaluate(step, model)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.stop():
            control.should_save, control.should_training_stop = True, True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        self.record.write(folder)
        self.reporter.saved(state.global_step, folder)

    def _evaluate(self, step: int, model: Any) -> None:
        before = dict(self.policy.counts)
        self.reporter.evaluation(step, self.evaluate(model))
        self.policy.counts.clear()  # an evaluation is no cost of the step
        self.policy.counts.update(before)
