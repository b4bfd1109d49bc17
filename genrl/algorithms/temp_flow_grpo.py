"""TempFlow-GRPO: credit for one step at a time, and steps that count by their noise (He et al., arXiv:2508.04324).

Explore  each member follows the ODE of its seed, takes one noisy step, and follows the ODE to the end
Credit   z-score among the members that leave one seed at one step
Learn    the one noisy step of each member; Gaussian ratio; each step counts by its share of the noise; KL to the reference

Constants: 4 seeds x 6 branches x 9 steps = 216 members, T = 10, noise .7, beta .004 (the authors' configurations; .001 for
preference), two updates an iteration, 8 prompts (32 seeds on 8 GPUs). The rest is the host's, `flow_grpo.py`.

Departures: those of `flow_grpo.py`. The text leaves open which branches are normalised together: `advantage.key`.
"""

from dataclasses import replace

from genrl.advantages import Within
from genrl.algorithms.flow_grpo import flow_grpo
from genrl.algorithms.policy_gradient import PolicyGradient
from genrl.losses import KLFlowGRPO, NoiseLevel
from genrl.registry import register
from genrl.selection import BranchOnce
from genrl.types import Paper

PAPER = Paper(
    "TempFlow-GRPO: When Timing Matters for GRPO in Flow Models",
    "Xiaoxuan He, Siming Fu, Yuke Zhao, Wanli Li, Jian Yang, Dacheng Yin, Fengyun Rao, Bo Zhang",
    2025, "2508.04324",
)  # fmt: skip
RUN = {
    "sampling": {"steps": 10, "group_size": 216},
    "train": {"learning_rate": 3e-4, "prompts_per_iteration": 8, "ema_decay": 0.9},
}


@register("algorithm", "temp-flow-grpo", paper=PAPER, run=RUN)
def temp_flow_grpo() -> PolicyGradient:
    """One noisy step for each member off its seed's ODE, steps weighted by their noise."""
    return replace(
        flow_grpo(), steps=BranchOnce(seeds=4, branches=6), advantage=Within(key="seed-and-step"), step_weight=NoiseLevel(),
        regularizers=(KLFlowGRPO(beta=0.004),), update_every=108,
    )  # fmt: skip
