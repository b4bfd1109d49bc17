from __future__ import annotations

import pytest
import torch

from genrl.types import Condition, KeptStep, Prompt, RolloutGroup, StepPlan


@pytest.fixture
def make_group():
    """A group of G members as a rollout leaves it: one trained step, of the given tensors (rows are members)."""

    def make(next_state, *, state=None, velocity=None, log_prob=None, sigmas=(1.0, 0.9, 0.6, 0.0), t=1, trained=None):
        size = len(next_state)
        trained = torch.tensor([t]) if trained is None else trained
        plan = StepPlan(sigmas, (log_prob is not None,) * (len(sigmas) - 1), trained)
        state = torch.zeros_like(next_state) if state is None else state
        kept = {t: KeptStep(plan.members(t, size), state, next_state, None, velocity, log_prob)}
        return RolloutGroup(Prompt("a red circle"), Condition(("a red circle",) * size), plan, next_state, kept)

    return make
