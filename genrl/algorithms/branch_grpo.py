"""BranchGRPO: one tree for each prompt in the place of a group of chains (Li et al., arXiv:2509.06040).

Explore  one initial noise; DanceGRPO's SDE on all steps; every node parts in two at four splits, where noise is larger
Credit   each edge has the z-score, among the nodes of its depth, of the mean reward of the leaves behind it
Learn    every edge but the last ones, once; Gaussian ratio; clip 1e-3

Constants: the authors' FLUX script for 8 GPUs (T = 20, splits at 0, 3, 6, 9, so G = 16; split noise 4, eta .3, clip 1e-3, AdamW
1e-5, 300 iterations; their `sampling.shift` is 3, here the model's own grid is the default).
What is decoded is the clean estimate of the last step, as in DanceGRPO.

Departures: a rollout is one update, where the script counts 12 samples; all edges but the last are trained, where the script
passes a timestep fraction of .6; no pruning, which is off in the script (`steps.depth` prunes late steps).
"""

from genrl.advantages import TreeZScore
from genrl.algorithms.policy_gradient import PolicyGradient
from genrl.losses import Clipped
from genrl.perturbers import Shared
from genrl.registry import register
from genrl.selection import Branching, EveryMember
from genrl.solvers import DanceSDE
from genrl.surrogates import Gaussian
from genrl.types import Paper

PAPER = Paper(
    "BranchGRPO: Stable and Efficient GRPO with Structured Branching in Diffusion Models",
    "Yuming Li, Yikai Wang, Yuying Zhu, Zhongyu Zhao, Ming Lu, Qi She, Shanghang Zhang", 2025, "2509.06040",
)  # fmt: skip
RUN = {"sampling": {"steps": 20, "group_size": 16}, "train": {"learning_rate": 1e-5, "max_steps": 300}}


@register("algorithm", "branch-grpo", paper=PAPER, run=RUN)
def branch_grpo() -> PolicyGradient:
    """A tree of SDE steps whose edges are credited by the leaves behind them."""
    return PolicyGradient(
        perturber=Shared(), solver=DanceSDE(eta=0.3), steps=Branching(split_noise=4.0), anchors=EveryMember(),
        surrogate=Gaussian(), advantage=TreeZScore(), objective=Clipped(epsilon=1e-3), final="x0",
    )  # fmt: skip
