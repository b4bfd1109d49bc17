"""MixGRPO-Flash: MixGRPO with cheaper rollouts (Li et al., arXiv:2507.21802).

The window moves every 20 iterations. The steps after it are compressed to 40 %, evenly in unshifted time, and solved by
DPM-Solver++ 2M, whose history starts with the steps before the tail.

Departures: those of `mix_grpo.py`; a compressed tail always ends at sigma 0, where the authors' code can stop one point above.
"""

from dataclasses import replace

from genrl.algorithms.mix_grpo import PAPER, RUN, mix_grpo
from genrl.algorithms.policy_gradient import PolicyGradient
from genrl.registry import register
from genrl.selection import SlidingWindow
from genrl.solvers import DPMSolverPP, Euler, FlowSDE, Mixed


@register("algorithm", "mix-grpo-flash", paper=PAPER, run=RUN)
def mix_grpo_flash() -> PolicyGradient:
    """MixGRPO whose tail after the window is shorter and solved by DPM-Solver++."""
    window = SlidingWindow(iterations_per_window=20, tail_ratio=0.4)
    return replace(mix_grpo(), solver=Mixed(sde=FlowSDE(0.7), ode=Euler(), tail=DPMSolverPP(order=2)), steps=window)
