"""Flow-DPPO: a trust region by the exact divergence of a step in the place of ratio clipping (Ping et al., arXiv:2606.11025).

Explore  independent initial noises; SDE noise on 3 steps, drawn singly from the first half at each iteration; ODE elsewhere
Credit   as Flow-GRPO
Learn    the noisy steps; a term stops where its step is too far from the rollout's and its ratio went on in that direction

Constants: the authors' SD3.5-M configuration in UniRL (T = 10, G = 16, noise .7, 3 steps in (0, T/2), threshold 1e-5 on a mean
over dimensions, no KL, AdamW 3e-4, 48 prompts, two updates an iteration; without guidance, `model.call.guidance_scale=1`).

Departures: those of `flow_grpo.py`. Weight decay is the default of `train`, where the authors have none.
"""

from dataclasses import replace

from genrl.algorithms.flow_grpo import flow_grpo
from genrl.algorithms.policy_gradient import PolicyGradient
from genrl.losses import DivergenceMask
from genrl.registry import register
from genrl.selection import RandomWindow
from genrl.solvers import Euler, FlowSDE, Mixed
from genrl.types import Paper

PAPER = Paper(
    "Flow-DPPO: Divergence Proximal Policy Optimization for Flow Matching Models",
    "Bowen Ping, Xiangxin Zhou, Penghui Qi, Minnan Luo, Liefeng Bo, Tianyu Pang", 2026, "2606.11025",
)  # fmt: skip
RUN = {"sampling": {"steps": 10, "group_size": 16}, "train": {"learning_rate": 3e-4, "prompts_per_iteration": 48}}


@register("algorithm", "flow-dppo", paper=PAPER, run=RUN)
def flow_dppo() -> PolicyGradient:
    """Flow-GRPO on a few early steps, held by the divergence of each step instead of a clip."""
    return replace(
        flow_grpo(), solver=Mixed(sde=FlowSDE(0.7), ode=Euler()), steps=RandomWindow(size=3, contiguous=False),
        objective=DivergenceMask(threshold=1e-5), regularizers=(), update_every=8,
    )  # fmt: skip
