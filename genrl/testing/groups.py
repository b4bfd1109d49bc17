"""A group with its members in another order: what is relative to a group must not care."""

from __future__ import annotations

import dataclasses

from torch import Tensor

from genrl.types import KeptStep, Lineage, RolloutGroup, StepPlan, take


def permuted(group: RolloutGroup, order: Tensor) -> RolloutGroup:
    """The same group whose new member i is the old member `order[i]`."""
    plan = _permuted_plan(group.plan, order)
    return RolloutGroup(
        group.prompt,
        group.condition.rows(order),
        plan,
        group.final[order],
        {t: _permuted_step(kept, plan, t, order) for t, kept in group.kept.items()},
        None if group.advantages is None else group.advantages[order],
    )


def _permuted_plan(plan: StepPlan, order: Tensor) -> StepPlan:
    trained = plan.trained if plan.trained.ndim == 1 else plan.trained[order]
    lineage = plan.lineage and Lineage(order.argsort()[plan.lineage.nodes[order]], plan.lineage.noise[order])
    return dataclasses.replace(plan, trained=trained, lineage=lineage)


def _permuted_step(kept: KeptStep, plan: StepPlan, t: int, order: Tensor) -> KeptStep:
    members = plan.members(t, len(order))
    rows = kept.row_of(order[members])
    values = (kept.state, kept.next_state, kept.carry, kept.velocity, kept.log_prob)
    return KeptStep(members, *(take(value, rows) for value in values))
