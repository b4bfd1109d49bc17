"""MixGRPO: SDE inside a sliding window, ODE outside (Li et al., arXiv:2507.21802).

Explore  one initial noise a group; noise enters only in a window of 4 steps that slides from noise to data
Credit   z-score of each reward in the group, then their weighted mean
Learn    exactly the window's steps, for every member; Gaussian ratio; clip 1e-4

Constants: the authors' FLUX script (T = 25, window 4, tau 25, stride 1, noise .7, G = 12, AdamW 1e-5, an update for every 3
members, no penalty; their `sampling.shift` is 3, here the model's own grid is the default).

Departures: the window machine of the authors' code has off-by-ones (an empty window at the end, a tail that can stop above
sigma 0); `steps.mode=strict` reproduces them. The noise is shared inside a group, not over all prompts of a process.
"""

from genrl.advantages import ZScore
from genrl.algorithms.policy_gradient import PolicyGradient
from genrl.losses import Clipped
from genrl.perturbers import Shared
from genrl.registry import register
from genrl.selection import EveryMember, SlidingWindow
from genrl.solvers import Euler, FlowSDE, Mixed
from genrl.surrogates import Gaussian
from genrl.types import Paper

PAPER = Paper(
    "MixGRPO: Unlocking Flow-based GRPO Efficiency with Mixed ODE-SDE",
    "Junzhe Li, Yutao Cui, Tao Huang, Yinping Ma, Chun Fan, Yiming Cheng, Miles Yang, Zhao Zhong, Liefeng Bo",
    2025, "2507.21802",
)  # fmt: skip
RUN = {"sampling": {"steps": 25, "group_size": 12}, "train": {"learning_rate": 1e-5, "max_steps": 300}}


@register("algorithm", "mix-grpo", paper=PAPER, run=RUN)
def mix_grpo() -> PolicyGradient:
    """SDE noise in a sliding window of steps, which are the ones trained; ODE elsewhere."""
    return PolicyGradient(
        perturber=Shared(), solver=Mixed(sde=FlowSDE(0.7), ode=Euler()), steps=SlidingWindow(), anchors=EveryMember(),
        surrogate=Gaussian(), advantage=ZScore(combine="normalize-then-sum"), objective=Clipped(), update_every=3,
    )  # fmt: skip
