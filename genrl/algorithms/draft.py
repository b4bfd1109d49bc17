"""DRaFT-K: fine-tuning on the gradient of a differentiable reward (Clark et al., arXiv:2309.17400).

Explore  independent initial noises, the first T - K steps of an ODE solver without gradient
Credit   none: the reward itself is differentiated
Learn    -r of the decoded picture, back through decoder and reward into the last K steps; K = T is DRaFT

Constants: K = 1, 50 DDIM steps (Euler, on a flow), one picture for each of 4 prompts, LoRA, AdamW with rate 4e-4 and weight
decay .1, 2,000 updates: the paper's runs on the aesthetic score.

Departures: gradients are clipped to train.max_grad_norm; LoRA has the rank of model.lora_rank, where the paper takes 8. The
variant with less variance (DRaFT-LV) is not here.
"""

from genrl.algorithms.direct_gradient import DirectGradient
from genrl.perturbers import Independent
from genrl.registry import register
from genrl.solvers import Euler
from genrl.types import Paper

PAPER = Paper(
    "Directly Fine-Tuning Diffusion Models on Differentiable Rewards",
    "Kevin Clark, Paul Vicol, Kevin Swersky, David J. Fleet",
    2023, "2309.17400",
)  # fmt: skip
RUN = {
    "sampling": {"steps": 50, "group_size": 1},
    "train": {"learning_rate": 4e-4, "weight_decay": 0.1, "prompts_per_iteration": 4, "max_steps": 2000},
}


@register("algorithm", "draft", paper=PAPER, run=RUN)
def draft() -> DirectGradient:
    """The gradient of a differentiable reward through the last step of an ODE."""
    return DirectGradient(perturber=Independent(), solver=Euler(), last_steps=1)
