"""What a run is at an iteration boundary, written into a checkpoint and read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genrl import checkpoint, files
from genrl.errors import CheckpointError
from genrl.models.sharding import gathered, part_of
from genrl.monitoring import Best
from genrl.optimization import Optimization
from genrl.policy import WeightedPolicy
from genrl.processes import ALONE, Processes

#: Of a run's folder, where its checkpoints are.
CHECKPOINTS = "checkpoints"
#: Of the plain numbers in a checkpoint; counts up when they change their meaning.
FORMAT = 1


@dataclass(frozen=True)
class Progress:
    """How far a run has come: completed iterations, the last step that was evaluated, and the best evaluation."""

    step: int = 0
    evaluated: int | None = None
    best: Best = field(default_factory=Best)


@dataclass(frozen=True)
class Persistence:
    """Saves and restores the parts of a run that change.

    identity: everything that decides the run's numbers, by name; a checkpoint with another value is refused.
    keep: newest checkpoints that are kept, beside that of the best evaluation.
    export: writes the trained weights of a step into a folder of each checkpoint, as other programs load them.
    """

    folder: Path
    policy: WeightedPolicy
    optimization: Optimization
    identity: Mapping[str, Any]
    keep: int
    export: Callable[[Path, int], None] | None = None
    processes: Processes = ALONE

    @property
    def root(self) -> Path:
        return self.folder / CHECKPOINTS

    @property
    def newest(self) -> Path:
        """The checkpoint that was written last."""
        return checkpoint.found(self.root)[-1]

    def save(self, progress: Progress) -> Path:
        """Have the main process write a checkpoint of this iteration boundary; returns its folder."""
        snapshot = self._snapshot(progress)
        return self.processes.together(lambda: self._write(progress, snapshot))

    def _write(self, progress: Progress, snapshot: checkpoint.Snapshot) -> Path:
        step, export = progress.step, self.export
        if not self.processes.main:
            return self.root
        for log in self.folder.glob("*.jsonl"):
            files.sync(log)  # a checkpoint must not outlive the rows before it
        return checkpoint.save(
            self.root,
            step,
            snapshot,
            self.keep,
            export and (lambda model: export(model, step)),
            progress.best.step,
        )

    def left(self) -> str:
        """What an error leaves to go on with, and how."""
        good = checkpoint.newest(self.root)
        if good is None:
            return "There is no checkpoint yet."
        return f"The last good checkpoint is {good}; go on from it: genrl train --resume {self.folder}"

    def _snapshot(self, progress: Progress) -> checkpoint.Snapshot:
        sets = {name: self.policy.weight_set(name) for name in ("current", *self.policy.stored_sets)}
        sets["optimizer"] = checkpoint.optimizer_tensors(self.optimization.optimizer)
        tensors = {name: gathered(part, keep=self.processes.main) for name, part in sets.items()}
        tensors["torch_rng"] = {"state": torch.get_rng_state()}
        state = {
            "format": FORMAT,
            "identity": dict(self.identity),
            "step": progress.step,
            "evaluated": progress.evaluated,
            "best": asdict(progress.best),
            "optimization": self.optimization.state(),
        }
        return checkpoint.Snapshot(tensors, state)

    def restore(self) -> Progress:
        """Put policy and optimizer where the newest good checkpoint of the run's folder left them.

        A run that was ended before its first checkpoint is where it began. Raises CheckpointError if every checkpoint is
        damaged, or was made by a run of which anything else decides the numbers.
        """
        if not checkpoint.found(self.root):
            return Progress()
        snapshot = checkpoint.load(self.root)
        self._check(snapshot.state)
        for name in ("current", *self.policy.stored_sets):
            self.policy.load_weight_set(name, snapshot.tensors[name])
        parameters, moments = self.optimization.parameters, snapshot.tensors["optimizer"]
        like = {key: parameters[int(key.split(".")[0])] for key in moments}
        parts = {key: part_of(t, like[key]) if t.shape == like[key].shape else t for key, t in moments.items()}
        checkpoint.load_optimizer_tensors(self.optimization.optimizer, parts)
        torch.set_rng_state(snapshot.tensors["torch_rng"]["state"])
        state = snapshot.state
        self.optimization.load_state(state["optimization"])
        return Progress(state["step"], state["evaluated"], Best(**state["best"]))

    def adopt(self, source: Path) -> None:
        """Begin with the trained weights of another run's checkpoint; a weight set that it lacks begins as its current one.

        CheckpointError if it is damaged, or holds other weights than those that are trained here.
        """
        damage = checkpoint.verify(source)
        if damage:
            raise CheckpointError(f"The checkpoint {source} is damaged ({damage}); begin with another one.")
        found = checkpoint.read(source).tensors
        for name in ("current", *self.policy.stored_sets):
            if name != "reference":
                tensors = found.get(name, found["current"])
                _compare(source, {key: value.shape for key, value in tensors.items()}, self.policy.weight_set(name))
                self.policy.load_weight_set(name, tensors)

    def _check(self, state: Mapping[str, Any]) -> None:
        """CheckpointError unless the checkpoint was written by this run."""
        if state.get("format") != FORMAT:
            raise CheckpointError(
                f"The checkpoints in {self.root} were written by another version of genrl; resume with that version."
            )
        then, now = state["identity"], json.loads(json.dumps(dict(self.identity)))
        for key in sorted(then.keys() | now.keys()):
            if then.get(key) != now.get(key):
                raise CheckpointError(
                    f"The checkpoint was made with {key} = {then.get(key)!r}, and here it is {now.get(key)!r}. Resume the run "
                    "as it was, or begin a new one with its weights: "
                    f"genrl train --resume {self.folder} --resume-weights-only"
                )


def _compare(source: Path, there: Mapping[str, torch.Size], here: Mapping[str, Tensor]) -> None:
    for name in sorted(there.keys() | here.keys()):
        own = tuple(here[name].shape) if name in here else "none"
        other = tuple(there[name]) if name in there else "none"
        if own != other:
            raise CheckpointError(
                f"The weights in {source} are not those that are trained here: {name} has shape {other} there and {own} here. "
                "Begin with the same model.path, model.weights, model.lora_rank and model.lora_targets."
            )
