"""DanceGRPO: GRPO on the reverse SDE of a flow model (Xue et al., arXiv:2505.07818).

Explore  one initial noise a group; constant-eta SDE noise on all T steps makes the members differ
Credit   z-score in the group, unbiased standard deviation
Learn    a random 60 % of the first T - 1 steps, drawn for each member; Gaussian ratio; clip 1e-4

Constants: the authors' FLUX script for 16 GPUs (T = 16, G = 12, eta .3, AdamW 1e-5, an update for every 4 members; their
`sampling.shift` is 3, here the model's own grid is the default).
What is decoded is the clean estimate of the last step, as in their code, because noise enters the last state as well.

Departures: the noise is shared inside a group, not over all prompts of a process; the steps drawn for the members are the same
for every prompt of an iteration; the network sees the timestep of its own scheduler, not int(1000 sigma).
"""

from genrl.advantages import ZScore
from genrl.algorithms.policy_gradient import PolicyGradient
from genrl.losses import Clipped
from genrl.perturbers import Shared
from genrl.registry import register
from genrl.selection import EveryMember, RandomSubset
from genrl.solvers import DanceSDE
from genrl.surrogates import Gaussian
from genrl.types import Paper

PAPER = Paper(
    "DanceGRPO: Unleashing GRPO on Visual Generation",
    "Zeyue Xue, Jie Wu, Yu Gao, Fangyuan Kong, Lingting Zhu, Mengzhao Chen, Zhiheng Liu, Wei Liu, Qiushan Guo, "
    "Weilin Huang, Ping Luo",
    2025, "2505.07818",
)  # fmt: skip
RUN = {"sampling": {"steps": 16, "group_size": 12}, "train": {"learning_rate": 1e-5, "max_steps": 300}}


@register("algorithm", "dance-grpo", paper=PAPER, run=RUN)
def dance_grpo() -> PolicyGradient:
    """One shared noise, SDE noise on every step, a random subset of steps trained for each member."""
    return PolicyGradient(
        perturber=Shared(), solver=DanceSDE(eta=0.3), steps=RandomSubset(fraction=0.6, stochastic=True, per_member=True),
        anchors=EveryMember(), surrogate=Gaussian(), advantage=ZScore(), objective=Clipped(epsilon=1e-4),
        update_every=4, final="x0",
    )  # fmt: skip
