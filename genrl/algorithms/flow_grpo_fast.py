"""Flow-GRPO-Fast: Flow-GRPO with noise, and learning, on a few early steps alone (code of Liu et al., arXiv:2505.05470).

Explore  independent initial noises; noise in a window of 3 steps, drawn anew at each iteration from the first half; ODE else
Credit   as Flow-GRPO
Learn    exactly the window's steps; as Flow-CPS, with its steps and its log-probability

Constants: the authors' CPS configurations (a = .8, window 3 in (0, T/2), clip 1e-5, no KL, G = 24; SD3.5-M T = 10; FLUX T = 6,
where the window never moves). The rest is the host's, `flow_grpo.py`.

Departures: those of `flow_grpo.py`; the window is keyed by the iteration and the same on all processes. The first version of
the authors' code has Flow-GRPO's steps, `solver.sde=flow-sde` and `surrogate=gaussian`, in a window of 2 and one trajectory
before it.
"""

from dataclasses import replace

from genrl.algorithms.flow_cps import flow_cps
from genrl.algorithms.flow_grpo import PAPER, RUN
from genrl.algorithms.policy_gradient import PolicyGradient
from genrl.registry import register
from genrl.selection import RandomWindow
from genrl.solvers import CPS, Euler, Mixed


@register("algorithm", "flow-grpo-fast", paper=PAPER, run=RUN)
def flow_grpo_fast() -> PolicyGradient:
    """Noise in a random window of early steps, which are the ones trained; ODE elsewhere."""
    solver = Mixed(sde=CPS(0.8), ode=Euler())
    return replace(flow_cps(), solver=solver, steps=RandomWindow(size=3, begin=0.0, end=0.5))
