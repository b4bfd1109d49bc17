"""CRD: the reward is distilled into the policy, centred in each group (Zhu et al., arXiv:2603.14128).

Explore  independent initial noises, Euler steps, sampled by a copy that slows down after 75 updates
Credit   mean of the prompt, standard deviation of the whole iteration, mapped to [0, 1]
Learn    20 levels of the rollout, the same for a group; implicit reward against an old policy, fitted to the given one;
         the better a sample, the closer is it held to the reference

Constants: Flow-Factory's SD3.5-M script after the paper (T = 10, G = 24, 48 prompts, b = 1, KL .1, two updates a rollout,
decays of old .25 + .005 n and of sampling .0075 (n - 75), both up to .999, LoRA 32/64, AdamW 3e-4).

Departures: one guidance for all (the script's reference has 4.5, everything else 1); centring is inside the prompt's group, as
the paper derives it, where the script centres whatever shares a batch; no hard pools; a batch of learning holds whole groups.
"""

from genrl.advantages import ZScore
from genrl.algorithms.forward_process import ForwardProcess
from genrl.losses import CRD, RewardedVelocityKL
from genrl.noising import Discrete, PerSample
from genrl.perturbers import Independent
from genrl.registry import register
from genrl.selection import Everyone
from genrl.snapshots import Ramp
from genrl.solvers import Euler
from genrl.types import Paper

PAPER = Paper(
    "Diffusion Reinforcement Learning via Centered Reward Distillation",
    "Yuanzhi Zhu, Xi Wang, Stéphane Lathuilière, Vicky Kalogeiton", 2026, "2603.14128",
)  # fmt: skip
RUN = {"sampling": {"steps": 10, "group_size": 24}, "train": {"learning_rate": 3e-4, "prompts_per_iteration": 48, "rows": 24}}


@register("algorithm", "crd", paper=PAPER, run=RUN)
def crd() -> ForwardProcess:
    """The policy's implicit reward is fitted to the given one, both centred in the group."""
    old, slow = Ramp("old", initial=0.25, slope=0.005, most=0.999), Ramp("sampling", start=75, slope=0.0075, most=0.999)
    return ForwardProcess(
        perturber=Independent(), solver=Euler(), members=Everyone(), times=Discrete(count=20, share=0.99),
        sharing=PerSample(levels="group"), advantage=ZScore(unbiased=False, scale="global", epsilon=1e-4), objective=CRD(),
        regularizers=(RewardedVelocityKL(0.1),), snapshots=(old, slow), rollout_weights="sampling", updates_per_rollout=2,
    )  # fmt: skip
