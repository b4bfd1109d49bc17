"""AWM: the pretraining loss, weighted by advantages (Xue et al., arXiv:2509.25050).

Explore  independent initial noises, Euler steps, the current weights sample
Credit   mean of the prompt, standard deviation of the whole iteration, cut to [-1, 1]
Learn    6 levels of the rollout for each sample, pure noise and the cleanest left out; the matching error as a log-likelihood
         in a clipped ratio; velocity KL to the reference and, far stronger, to a fast average

Constants: Flow-Factory's SD3.5-M script (T = 14, G = 16, 48 prompts, clip 1, KL 1e-4 and 1, average of decay up to .3 over 1000
updates, LoRA 32/64, AdamW 3e-4, no guidance). With its one update a rollout the ratio is 1 and the average holds the step.

Departures: each sample draws its own levels, without replacement, where the script gives a batch the same.
"""

from genrl.advantages import ZScore
from genrl.algorithms.forward_process import ForwardProcess
from genrl.losses import AWM, Clipped, VelocityKL
from genrl.noising import Discrete, PerSample
from genrl.perturbers import Independent
from genrl.registry import register
from genrl.selection import Everyone
from genrl.snapshots import Copied, Ramp
from genrl.solvers import Euler
from genrl.types import Paper

PAPER = Paper(
    "Advantage Weighted Matching: Aligning RL with Pretraining in Diffusion Models",
    "Shuchen Xue, Chongjian Ge, Shilong Zhang, Yichen Li, Zhi-Ming Ma", 2025, "2509.25050",
)  # fmt: skip
RUN = {"sampling": {"steps": 14, "group_size": 16}, "train": {"learning_rate": 3e-4, "prompts_per_iteration": 48}}


@register("algorithm", "awm", paper=PAPER, run=RUN)
def awm() -> ForwardProcess:
    """Flow matching on the samples, weighted by advantages, held by a fast average."""
    return ForwardProcess(
        perturber=Independent(), solver=Euler(), members=Everyone(), times=Discrete(count=6, share=0.9, initial=False),
        sharing=PerSample(), advantage=ZScore(unbiased=False, scale="global", epsilon=1e-4),
        objective=AWM(ratio_loss=Clipped(epsilon=1.0, advantage_clip=1.0)),
        regularizers=(VelocityKL(1e-4), VelocityKL(1.0, "fast")),
        snapshots=(Copied("old"), Ramp("fast", slope=0.0003, most=0.3)),
    )  # fmt: skip
