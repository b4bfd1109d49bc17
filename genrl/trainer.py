"""The trainer: explore, score, credit, learn. It never learns an algorithm's name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator, PartialState

from genrl.data_protocols import PromptSource
from genrl.errors import ModelError, RewardError, TrainingError
from genrl.evaluation import Evaluation, Evaluator
from genrl.memory import IN_ROLLOUT, enough_memory, in_learning
from genrl.metering import Meter, reward_metrics, total_counts
from genrl.monitoring import Best, picture_metrics
from genrl.optimization import Optimization, guarded
from genrl.persistence import Persistence, Progress
from genrl.policy import WeightedPolicy
from genrl.processes import Processes
from genrl.protocols import Algorithm
from genrl.randomness import Randomness
from genrl.replicas import Replicas
from genrl.rewards import Explored, RewardPanel, complete_groups, overlapped, rate, score_members
from genrl.rollout import sigma_grid
from genrl.settings import EvaluationSettings, RunSettings, TrainSettings
from genrl.types import Prompt, RolloutGroup, Sampling, StepPlan, Unit


class Reporter(Protocol):
    """Who hears of a run's progress."""

    def iteration(self, step: int, row: dict[str, float], samples: list[dict[str, Any]]) -> None: ...

    def evaluation(self, step: int, evaluation: Evaluation) -> None: ...

    def saved(self, step: int, folder: Path) -> None: ...


@dataclass
class Trainer:
    """One run. `step` counts completed iterations; everything random is keyed by it.

    identity: everything that decides the run's numbers, by name.
    samples: the last iteration's pictures as rows, if rewards logged columns about them.
    evaluated, saved: the steps of the last evaluation and of the last checkpoint, None before the first.
    moved: whether an update of the iteration under way has been made, so that what is in memory is no iteration boundary.
    """

    algorithm: Algorithm
    policy: WeightedPolicy
    prompts: PromptSource
    rewards: RewardPanel
    evaluator: Evaluator
    sampling: Sampling
    train: TrainSettings
    evaluation: EvaluationSettings
    run: RunSettings
    folder: Path
    accelerator: Accelerator
    reporter: Reporter
    identity: Mapping[str, Any] = field(default_factory=dict)
    #: Writes the trained weights of a step into a folder of each checkpoint, as other programs load them.
    export: Callable[[Path, int], None] | None = None
    #: Looks at the first update of a run, before it is applied.
    first_update: Callable[[Algorithm, WeightedPolicy, Sequence[Unit], Meter], None] | None = None
    step: int = 0
    samples: list[dict[str, Any]] = field(default_factory=list)
    best: Best = field(default_factory=Best)
    evaluated: int | None = None
    saved: int | None = None
    moved: bool = False

    def __post_init__(self) -> None:
        self.processes = Processes(PartialState())
        weights = self.policy.shards or Replicas(self.policy.parameters(), self.processes)
        self.optimization = Optimization(weights, self.train, self.accelerator)
        self.persistence = Persistence(
            self.folder, self.policy, self.optimization, self.identity, self.run.save_total_limit, self.export, self.processes
        )
        self.sigmas = sigma_grid(self.policy.model, self.sampling.steps, self.sampling.shift)
        if self.algorithm.reward_gradient:
            self.policy.rate = partial(rate, self.rewards, self.policy.decode)

    def fit(self, stop: Callable[[], bool]) -> None:
        """Iterate until `train.max_steps`, or until `evaluation.patience` or `stop()` on any process ends it; saves always."""
        try:
            self._close()
            while self.step < self.train.max_steps and not self.best.outwaited(self.evaluation.patience):
                if self.processes.anywhere([stop()])[0]:
                    break
                row = self.iterate(self.step)
                self.step += 1
                self.reporter.iteration(self.step, row, self.samples)
                self._close()
        except (RewardError, ModelError, TrainingError) as error:
            if not self.moved:
                self.save()
            error.args = (f"{error} {self.persistence.left()}",)
            raise
        self.save()

    def _close(self) -> None:
        """Evaluate and save what is due at this iteration boundary."""
        self.moved = False
        every, last = self.evaluation.every, self.step == self.train.max_steps
        if self.evaluated != self.step and (self.step == 0 or last or (every and self.step % every == 0)):
            self.evaluate()
        if self.step and (self.best.step == self.step or (self.run.save_steps and self.step % self.run.save_steps == 0)):
            self.save()

    def iterate(self, k: int) -> dict[str, float]:
        """One round of explore, score, credit, learn."""
        started, algorithm, policy, rng = time.perf_counter(), self.algorithm, self.policy, self._rng().fold(k)
        policy.counts.clear()
        rate, meter = self.optimization.begin(k), Meter()
        count = self.train.prompts_per_iteration
        prompts = self.processes.share(self.prompts.draw(k * count, count))
        plan = algorithm.plan(k, self.sigmas, self.sampling, rng)
        policy.encode([prompt.text for prompt in prompts])

        size = self.train.rollout_prompts or count
        parts = [prompts[n : n + size] for n in range(0, len(prompts), size)]
        batches = [partial(self.explore, part, plan, rng, meter) for part in parts]  # explore
        groups, measured = self.credit(k, batches, plan)  # score, credit

        updates = list(algorithm.updates(groups, self.train.rows, rng)) if groups else []  # learn
        norms = [self.update(units, rows, meter) for units, rows in self.processes.level(updates)]
        policy.follow(algorithm.snapshots, "iteration", self.optimization.updates)

        measured |= meter.read(self.processes) | total_counts(policy.counts, self.processes)
        measured |= {"grad_norm": sum(norms) / max(1, len(norms)), "learning_rate": rate}
        spent = time.perf_counter() - started
        return measured | {"rewards/wait_share": measured["rewards/wait"] / spent, "step_time": spent}

    def credit(
        self, k: int, batches: Sequence[Callable[[], Explored]], plan: StepPlan
    ) -> tuple[list[RolloutGroup], dict[str, float]]:
        """Explore batch by batch, score one while the next is explored, and write advantages if the algorithm has any."""
        estimator = self.algorithm.advantage
        if estimator is None:
            groups = self.processes.together(lambda: [group for explore in batches for group in explore().groups])
            return groups, {"rewards/wait": 0.0}
        score = partial(score_members, self.rewards, state={"global_step": k, "max_steps": self.train.max_steps})
        scored, waited = self.processes.together(lambda: overlapped(batches, score))
        groups, own, scores, noted, self.samples = complete_groups(self.rewards, scored, self.processes)  # (R, N, G)
        advantages = estimator(scores, self.rewards.weights, plan)
        for group, advantage in zip(groups, advantages[own], strict=True):
            group.advantages = advantage.to(self.policy.device, non_blocking=True)
            group.idle = not advantage.any()
        measured = reward_metrics(scores, advantages, self.rewards.weights, self.rewards.names)
        return groups, measured | noted | {"rewards/wait": waited}

    @torch.no_grad()
    def explore(self, prompts: Sequence[Prompt], plan: StepPlan, rng: Randomness, meter: Meter) -> Explored:
        """Roll out a group for each prompt, all in one batch; decode it if a reward looks at pictures, and measure them.

        What nobody scores is neither decoded nor measured.
        """
        with enough_memory(*IN_ROLLOUT), self.accelerator.autocast(), self.policy.acting(plan.weights):
            groups = self.algorithm.rollout(self.policy, prompts, plan, self.sampling, rng)
        latents = torch.cat([group.final for group in groups])
        if self.algorithm.advantage is None:
            return Explored(groups, latents, None)
        images = self.policy.decode(latents) if self.rewards.needs_pixels else None
        numbers = [n for n, group in enumerate(groups) for _ in range(group.size)]
        meter.add(picture_metrics(images, latents, numbers), len(latents))
        return Explored(groups, latents, images)

    def update(self, units: Sequence[Unit], rows: int, meter: Meter) -> float:
        """One optimizer step over these units and those of the other processes, `rows` in all; returns the gradient norm."""
        self.processes.together(lambda: self.accumulate(units, rows, meter))
        if self.first_update and not self.optimization.updates:
            self.first_update(self.algorithm, self.policy, units, meter)
            self.first_update = None
        self.moved = True
        norm, applied = self.optimization.step()
        self.policy.counts["optimizer_steps"] += self.processes.main  # all processes take it together
        # Added up over processes, the rows of all units less those that were asked.
        self.policy.counts["idle_backwards"] += self.processes.main * rows - sum(unit.weight for unit in units)
        meter.add({"skipped_updates": torch.full((), float(not applied), device=self.policy.device)}, 1)
        updates = self.optimization.updates
        if applied:
            self.policy.follow(self.algorithm.snapshots, "update", updates)
        if applied and self.train.ema_decay:
            self.policy.blend("ema", min((1 + updates) / (10 + updates), self.train.ema_decay))
        return norm

    def accumulate(self, units: Sequence[Unit], rows: int, meter: Meter) -> None:
        """Add the gradient of the mean loss over `rows` rows, those of these units; it is to be averaged over processes."""
        for unit in units:
            with enough_memory(*in_learning(unit.weight)):
                with self.accelerator.autocast():
                    loss, measured = self.algorithm.loss(self.policy, unit)
                self.accelerator.backward(guarded(loss) * (unit.weight * self.processes.count / rows))
            meter.add(measured, unit.live)

    def evaluate(self) -> Evaluation:
        """Score held-out prompts under the averaged weights if there are any, else under the current ones."""
        with self.accelerator.autocast(), self.policy.using("ema" if self.train.ema_decay else "current"):
            evaluation = self.evaluator(self.policy, self.rewards, processes=self.processes)
        self.processes.agree(evaluation.weights, "the weights")
        best = self.best.after(self.step, evaluation.values, self.evaluation.best_by)
        self.reporter.evaluation(self.step, evaluation)
        self.best, self.evaluated, self.saved = best, self.step, None
        return evaluation

    @property
    def progress(self) -> Progress:
        return Progress(self.step, self.evaluated, self.best)

    def save(self) -> None:
        """Write a checkpoint of this iteration boundary, unless there is one."""
        if self.saved != self.step:
            self.reporter.saved(self.step, self.persistence.save(self.progress))
            self.saved = self.step

    def restore(self) -> None:
        """Continue from the newest good checkpoint of the run's folder."""
        progress = self.processes.together(self.persistence.restore)
        self.processes.agree(progress.step, "the checkpoint to go on from, so its folder has to be one that all machines share")
        self.step, self.evaluated, self.best = progress.step, progress.evaluated, progress.best
        self.saved = None if self.evaluated is None else self.step
        if self.best.outwaited(self.evaluation.patience):
            self.best = replace(self.best, waited=0)  # the run had ended, and who asks it to go on wants to see more

    def _rng(self) -> Randomness:
        return Randomness((self.run.seed, "train"))
