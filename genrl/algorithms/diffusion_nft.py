"""DiffusionNFT: online RL on the forward process (Zheng et al., arXiv:2509.16117).

Explore  independent initial noises, DPM-Solver++, sampled by an old policy that follows the current one slowly
Credit   mean of the prompt, standard deviation of the whole iteration, mapped to a probability of being good
Learn    9 of the 10 levels of the rollout for each sample, fresh noise; positive and negative regression; velocity KL

Constants: the authors' SD3.5-M script (T = 10, G = 24, 48 prompts, b = 1, KL 1e-4, old <- d old + (1 - d) current with
d = min(.001 n, .5) once an iteration, LoRA 32/64, AdamW 3e-4, average .9 for evaluation, no guidance).

Departures: the average moves at every update with a warm-up; repeated prompts are groups of their own.
"""

from genrl.advantages import ZScore
from genrl.algorithms.forward_process import ForwardProcess
from genrl.losses import NFT, VelocityKL
from genrl.noising import Discrete, PerSample
from genrl.perturbers import Independent
from genrl.registry import register
from genrl.selection import Everyone
from genrl.snapshots import Ramp
from genrl.solvers import DPMSolverPP
from genrl.types import Paper

PAPER = Paper(
    "DiffusionNFT: Online Diffusion Reinforcement with Forward Process",
    "Kaiwen Zheng, Huayu Chen, Haotian Ye, Haoxiang Wang, Qinsheng Zhang, Kai Jiang, Hang Su, Stefano Ermon, Jun Zhu, "
    "Ming-Yu Liu",
    2025, "2509.16117",
)  # fmt: skip
RUN = {
    "sampling": {"steps": 10, "group_size": 24},
    "train": {"learning_rate": 3e-4, "prompts_per_iteration": 48, "ema_decay": 0.9},
}


@register("algorithm", "diffusion-nft", paper=PAPER, run=RUN)
def diffusion_nft() -> ForwardProcess:
    """Samples of an old policy, noised again; good ones attract, bad ones repel, through two implicit policies."""
    return ForwardProcess(
        perturber=Independent(), solver=DPMSolverPP(order=2), members=Everyone(), times=Discrete(count=9),
        sharing=PerSample(), advantage=ZScore(unbiased=False, scale="global", epsilon=1e-4), objective=NFT(beta=1.0),
        regularizers=(VelocityKL(beta=1e-4),), snapshots=(Ramp("old", slope=0.001, most=0.5),), rollout_weights="old",
    )  # fmt: skip
