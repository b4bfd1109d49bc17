"""Flow-GRPO: the first GRPO on the reverse SDE of a flow model (Liu et al., arXiv:2505.05470).

Explore  independent initial noises, SDE noise on every step, the last one included
Credit   mean of the prompt, standard deviation of the whole iteration
Learn    all steps but the last (timestep fraction .99); Gaussian ratio; clip 1e-4; KL to the reference

Constants: the authors' SD3.5-M script (T = 10, G = 24, 48 prompts, noise .7, beta .04, LoRA 32/64, AdamW 3e-4, two updates an
iteration, so an update for every 12 members). The KL is that of their code, which lacks the paper's factor 1 / Delta.

Departures: members whose advantage is 0 stay in the batch instead of being replaced at random; an update takes half of every
group instead of half of the groups; repeated prompts are groups of their own; the average of weights moves at every update.
"""

from genrl.advantages import ZScore
from genrl.algorithms.policy_gradient import PolicyGradient
from genrl.losses import Clipped, KLFlowGRPO
from genrl.perturbers import Independent
from genrl.registry import register
from genrl.selection import Every, EveryMember
from genrl.solvers import FlowSDE
from genrl.surrogates import Gaussian
from genrl.types import Paper

PAPER = Paper(
    "Flow-GRPO: Training Flow Matching Models via Online RL",
    "Jie Liu, Gongye Liu, Jiajun Liang, Yangguang Li, Jiaheng Liu, Xintao Wang, Pengfei Wan, Di Zhang, Wanli Ouyang",
    2025, "2505.05470",
)  # fmt: skip
RUN = {
    "sampling": {"steps": 10, "group_size": 24},
    "train": {"learning_rate": 3e-4, "prompts_per_iteration": 48, "ema_decay": 0.9},
}


@register("algorithm", "flow-grpo", paper=PAPER, run=RUN)
def flow_grpo() -> PolicyGradient:
    """Independent noises, SDE noise on every step, all but the last step trained, KL to the reference."""
    return PolicyGradient(
        perturber=Independent(), solver=FlowSDE(0.7), steps=Every(stochastic=True, drop_last=True),
        anchors=EveryMember(), surrogate=Gaussian(), advantage=ZScore(unbiased=False, scale="global", epsilon=1e-4),
        objective=Clipped(epsilon=1e-4), regularizers=(KLFlowGRPO(beta=0.04),), update_every=12,
    )  # fmt: skip
