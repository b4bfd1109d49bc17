"""Neighbor GRPO: contrastive ODE policy optimisation (He et al., arXiv:2511.16955; Algorithm 1 of its supplement).

Explore  a neighbourhood of initial noises, every member solved by a deterministic ODE solver of any order
Credit   rewards centred in the group, rescaled by a quasi-norm
Learn    each anchor scores its whole group by softmax distance; clipped ratio

Constants: sigma .3, B = 4 anchors, p = .8, G = 12, 8 DPM-Solver++ steps, AdamW 1e-5 (the paper's experiments and ablations);
K = int(.6 (T - 1)) trained steps, from the reported 1.33 network evaluations a sample. Departures, where the supplement is
silent or where the printed form cannot hold (`neighbor-grpo-paper` keeps it):

- pi_old is evaluated at the train solver's own image of the anchor, from the velocity that the rollout already has. At the
  printed place, the stored DPM-Solver++ state, the ratio is not 1 at unchanged weights.
- The temperature adapts to the candidates' distances. At the printed 1 it is two to four orders of magnitude too cold for
  latents: after one update nearly every ratio is clipped or unbounded. The clip range follows from the temperature.
- x_{t_k} and x_{t_{k+1}} of the printed inner loop are exchanged: the train solver starts from the noisier one.
"""

from genrl.advantages import QuasiNorm
from genrl.algorithms.policy_gradient import PolicyGradient
from genrl.losses import Clipped
from genrl.perturbers import Neighborhood
from genrl.registry import register
from genrl.selection import RandomAnchors, RandomSubset
from genrl.solvers import DPMSolverPP, Euler
from genrl.surrogates import SoftmaxDistance
from genrl.types import Paper

PAPER = Paper(
    "Neighbor GRPO: Contrastive ODE Policy Optimization Aligns Flow Models",
    "Dailan He, Guanlin Feng, Xingtong Ge, Yazhe Niu, Yi Zhang, Bingqi Ma, Guanglu Song, Yu Liu, Hongsheng Li",
    2025, "2511.16955",
)  # fmt: skip
RUN = {"sampling": {"steps": 8, "group_size": 12}, "train": {"learning_rate": 1e-5, "max_steps": 300}}


@register("algorithm", "neighbor-grpo", paper=PAPER, run=RUN)
def neighbor_grpo() -> PolicyGradient:
    """Neighbouring noises through an ODE; anchors score the whole group by softmax distance."""
    return PolicyGradient(
        perturber=Neighborhood(sigma=0.3), solver=DPMSolverPP(order=2), train_solver=Euler(),
        steps=RandomSubset(fraction=0.6), anchors=RandomAnchors(count=4),
        surrogate=SoftmaxDistance(tau="adaptive", old_reference="train-solver"), advantage=QuasiNorm(p=0.8),
        objective=Clipped(epsilon=1e-2, log_ratio_clamp=10.0), update_every="anchor",
    )  # fmt: skip
