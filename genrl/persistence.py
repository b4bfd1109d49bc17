"""What a run is at an iteration boundary, written into a checkpoint and read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from genrl import checkpoint
from genrl.errors import CheckpointError
from genrl.monitoring import Best
from genrl.optimization import Optimization
from genrl.policy import WeightedPolicy

#: Of a run's folder, where its checkpoints are.
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Progress:
    """How far a run has come: completed iterations, and the best evaluation among them."""

    step: int = 0
    best: Best = field(default_factory=Best)


@dataclass(frozen=True)
class Persistence:
    """Saves and restores the parts of a run that change.

    identity: of the configuration that decides the run's numbers; a checkpoint of another one is refused.
    keep: newest checkpoints that are kept, beside that of the best evaluation.
    export: writes the trained weights of a step into a folder of each checkpoint, as other programs load them.
    """

    folder: Path
    policy: WeightedPolicy
    optimization: Optimization
    identity: str
    keep: int
    export: Callable[[Path, int], None] | None = None

    def save(self, progress: Progress) -> Path:
        """Write a checkpoint of this iteration boundary; returns its folder."""
        step, export = progress.step, self.export
        return checkpoint.save(
            self.folder / CHECKPOINTS,
            step,
            self._snapshot(progress),
            self.keep,
            export and (lambda model: export(model, step)),
            progress.best.step,
        )

    def _snapshot(self, progress: Progress) -> checkpoint.Snapshot:
        tensors = {name: dict(self.policy.weight_set(name)) for name in ("current", *self.policy.stored_sets)}
        tensors["optimizer"] = checkpoint.optimizer_tensors(self.optimization.optimizer)
        tensors["torch_rng"] = {"state": torch.get_rng_state()}
        state = {
            "identity": self.identity,
            "step": progress.step,
            "updates": self.optimization.updates,
            "bad_in_a_row": self.optimization.bad_in_a_row,
            "best": asdict(progress.best),
        }
        return checkpoint.Snapshot(tensors, state)

    def restore(self) -> Progress:
        """Put policy and optimizer where the newest good checkpoint of the run's folder left them."""
        found = checkpoint.load(self.folder / CHECKPOINTS)
        if found.state["identity"] != self.identity:
            raise CheckpointError(
                f"The checkpoint in {self.folder} belongs to another configuration; resume with the run's own config.yaml."
            )
        for name in ("current", *self.policy.stored_sets):
            self.policy.load_weight_set(name, found.tensors[name])
        checkpoint.load_optimizer_tensors(self.optimization.optimizer, found.tensors["optimizer"])
        torch.set_rng_state(found.tensors["torch_rng"]["state"])
        self.optimization.updates = found.state["updates"]
        self.optimization.bad_in_a_row = found.state["bad_in_a_row"]
        return Progress(found.state["step"], Best(**found.state["best"]))
