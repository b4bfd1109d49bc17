"""Neighbor GRPO with the constants as printed (He et al., arXiv:2511.16955; supplement, Algorithm 1 and eq. 19).

Temperature 1 ("in practice, we omit this temperature parameter"), pi_old at the stored state of the anchor, one update for
each anchor. The clip range is not printed; .2 is GRPO's usual one.

Read `neighbor_grpo.py` for why this is not the default: with a DPM-Solver++ rollout the first ratio is not 1, and at the size
of real latents one update saturates the softmax. The log-ratio is clamped so that such a ratio is large instead of infinite.
"""

from dataclasses import replace

from genrl.algorithms.neighbor_grpo import PAPER, RUN, neighbor_grpo
from genrl.algorithms.policy_gradient import PolicyGradient
from genrl.losses import Clipped
from genrl.registry import register
from genrl.surrogates import SoftmaxDistance

#: See `genrl.testing`.
EXCEPTIONS = {"ratio-is-one-at-unchanged-weights": "pi_old is at the stored state, which Euler does not reach"}


@register("algorithm", "neighbor-grpo-paper", paper=PAPER, run=RUN, exceptions=EXCEPTIONS)
def neighbor_grpo_paper() -> PolicyGradient:
    """Neighbor GRPO exactly as printed: temperature 1, stored old reference, an update for each anchor."""
    return replace(
        neighbor_grpo(),
        surrogate=SoftmaxDistance(tau="paper", old_reference="stored"),
        objective=Clipped(epsilon=0.2, log_ratio_clamp=10.0),
        update_every="anchor",
    )
