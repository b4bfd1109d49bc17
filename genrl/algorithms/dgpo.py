"""DGPO: direct preference for the better part of a group (Luo, Hu and Tang, arXiv:2510.08425).

Explore  independent initial noises, Euler steps; after 200 iterations a fast average samples
Credit   mean of the prompt, standard deviation of the whole iteration
Learn    4 levels of the noisiest 60 %, the same for all, and one noise for a group; sigmoid of the advantage-weighted error
         against the reference; a sample that has gone far enough from the fast average stops; velocity KL

Constants: Flow-Factory's SD3.5-M script after the authors' (T = 10, G = 24, 24 prompts, beta 10, clip .05, KL .001, average of
decay min(.3, .001 n) at every update, LoRA 64/128, AdamW 3e-4).

Departures: one guidance for all (the script samples with 4.5 and learns with 1); a batch of learning holds whole groups.
"""

from genrl.advantages import ZScore
from genrl.algorithms.forward_process import ForwardProcess
from genrl.losses import DGPO, VelocityKL
from genrl.noising import Discrete, PerGroup
from genrl.perturbers import Independent
from genrl.registry import register
from genrl.selection import Everyone
from genrl.snapshots import Ramp
from genrl.solvers import Euler
from genrl.types import Paper

PAPER = Paper(
    "Reinforcing Diffusion Models by Direct Group Preference Optimization",
    "Yihong Luo, Tianyang Hu, Jing Tang",
    2025,
    "2510.08425",
)
RUN = {
    "sampling": {"steps": 10, "group_size": 24}, "model": {"lora_rank": 64, "lora_alpha": 128},
    "train": {"learning_rate": 3e-4, "prompts_per_iteration": 24, "rows": 24},
}  # fmt: skip


@register("algorithm", "dgpo", paper=PAPER, run=RUN)
def dgpo() -> ForwardProcess:
    """The better part of a group is preferred to the worse one, at one shared noise."""
    return ForwardProcess(
        perturber=Independent(), solver=Euler(), members=Everyone(), times=Discrete(count=4, share=0.6),
        sharing=PerGroup(levels="iteration", constant=True), advantage=ZScore(unbiased=False, scale="global", epsilon=1e-4),
        objective=DGPO(beta=10.0, clip=0.05), regularizers=(VelocityKL(0.001),),
        snapshots=(Ramp("fast", "update", slope=0.001, most=0.3),), rollout_weights="fast", rollout_after=200,
    )  # fmt: skip
