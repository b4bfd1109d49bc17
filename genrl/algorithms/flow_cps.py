"""Flow-CPS: Flow-GRPO whose noise keeps the coefficients of the flow (Wang and Yu, arXiv:2509.05952).

Explore  as Flow-GRPO, but noise replaces predicted noise on every step, so no state is noisier than the network expects
Credit   as Flow-GRPO
Learn    all steps but the last, which is deterministic; log-probability -mean (y - mu)^2, without the Gaussian's constants

Constants: a = .8, clip 1e-5, no KL (CPS configurations of Flow-GRPO's code, whose guidance is `model.call.guidance_scale=1`);
the rest is the host's, `flow_grpo.py`. The clip range belongs to the log-probability without constants.

Departures: those of `flow_grpo.py`.
"""

from dataclasses import replace

from genrl.algorithms.flow_grpo import RUN, flow_grpo
from genrl.algorithms.policy_gradient import PolicyGradient
from genrl.losses import Clipped
from genrl.registry import register
from genrl.solvers import CPS
from genrl.surrogates import UnscaledGaussian
from genrl.types import Paper

PAPER = Paper(
    "Coefficients-Preserving Sampling for Reinforcement Learning with Flow Matching", "Feng Wang, Zihao Yu", 2025, "2509.05952"
)


@register("algorithm", "flow-cps", paper=PAPER, run=RUN)
def flow_cps() -> PolicyGradient:
    """Flow-GRPO with coefficients-preserving steps and a log-probability without constants."""
    objective = Clipped(epsilon=1e-5)
    return replace(flow_grpo(), solver=CPS(0.8), surrogate=UnscaledGaussian(), objective=objective, regularizers=())
