"""Online DPO: Diffusion-DPO on pairs that the policy samples itself (Wallace et al., arXiv:2311.12908).

Explore  independent initial noises, Euler steps, the current weights sample
Credit   z-score in the group; the best and the worst member are the pair
Learn    one logit-normal level and one noise for a pair; the logistic loss of its errors against the reference

Constants: Flow-Factory's SD3.5-M script after the Flow-GRPO authors' (T = 40, G = 4, 48 prompts, beta 100 on means, LoRA 32/64,
AdamW 1e-5, because 1e-4 collapses; average .99 for evaluation; no guidance). The paper itself learns from a dataset of pairs.

Departures: a pair of equals has no gradient, where the script takes an arbitrary winner; the average moves at every update, not
at every fourth.
"""

from genrl.advantages import ZScore
from genrl.algorithms.forward_process import ForwardProcess
from genrl.losses import DPO
from genrl.noising import LogitNormal, PerGroup
from genrl.perturbers import Independent
from genrl.registry import register
from genrl.selection import BestAndWorst
from genrl.solvers import Euler
from genrl.types import Paper

PAPER = Paper(
    "Diffusion Model Alignment Using Direct Preference Optimization",
    "Bram Wallace, Meihua Dang, Rafael Rafailov, Linqi Zhou, Aaron Lou, Senthil Purushwalkam, Stefano Ermon, Caiming Xiong, "
    "Shafiq Joty, Nikhil Naik",
    2023, "2311.12908",
)  # fmt: skip
RUN = {
    "sampling": {"steps": 40, "group_size": 4},
    "train": {"learning_rate": 1e-5, "prompts_per_iteration": 48, "ema_decay": 0.99},
}


@register("algorithm", "online-dpo", paper=PAPER, run=RUN)
def online_dpo() -> ForwardProcess:
    """The best sample of a group is preferred to its worst, measured against the reference."""
    return ForwardProcess(
        perturber=Independent(), solver=Euler(), members=BestAndWorst(), times=LogitNormal(count=1),
        sharing=PerGroup(), advantage=ZScore(unbiased=False, epsilon=1e-4), objective=DPO(beta=100.0),
    )  # fmt: skip
