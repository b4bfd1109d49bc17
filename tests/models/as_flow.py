"""What a pipeline hands to its scheduler, as states and velocities of a flow, worked out from the scheduler's tables."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def as_flow(scheduler: Any, states: list[Tensor], outputs: list[Tensor], timesteps: list[Tensor]) -> tuple[list[Tensor], ...]:
    """States x = (1 - sigma) x0 + sigma E and velocities E - x0; the last state, at sigma = 0, has no output."""
    if scheduler.config.get("invert_sigmas"):
        return states, [-output for output in outputs]
    predicts = scheduler.config.get("prediction_type", "flow_prediction")
    if predicts == "flow_prediction":
        return states, outputs
    alphas = scheduler.alphas_cumprod.double().sqrt()
    noises = (1.0 - alphas**2).sqrt()
    flow_states, velocities = [], []
    for state, output, t in zip(states, outputs, timesteps, strict=False):
        alpha, noise, state, output = alphas[t], noises[t], state.double(), output.double()
        x0 = (state - noise * output) / alpha if predicts == "epsilon" else alpha * state - noise * output
        end = alphas[-1] * x0 + noises[-1] * (state - alpha * x0) / noise
        # state = share_x0 x0 + share_end E
        share_end = noise / noises[-1]
        share_x0 = alpha - share_end * alphas[-1]
        flow_states.append((state / (share_x0 + share_end)).float())
        velocities.append((end - x0).float())
    return [*flow_states, states[-1]], velocities
