"""GRPO-Guard: Flow-GRPO whose clipping is regulated (Wang et al., arXiv:2510.22319).

Explore  as Flow-GRPO
Credit   as Flow-GRPO
Learn    the ratio without its negative bias and without the scale of the step's noise, so that the clip holds both sides at
         every step; each step's loss over Delta, so that all steps push the velocity alike; clip 2e-6; no penalty

Constants: clip 2e-6 as documented by the port of the authors' script in verl-omni; no KL, as the paper regulates by the clip
instead; the rest is the host's, `flow_grpo.py`. The weight 1 / Delta is the paper's gradient reweighting and in the script;
Flow-Factory's port leaves it out, which is `step_weight=uniform`.

Departures: those of `flow_grpo.py`. The bias is that of each sample, as in the paper; the authors' script averages it over the
batch, which they call a mistake.
"""

from dataclasses import replace

from genrl.algorithms.flow_grpo import RUN, flow_grpo
from genrl.algorithms.policy_gradient import PolicyGradient
from genrl.losses import Clipped, InverseInterval
from genrl.registry import register
from genrl.surrogates import RatioNorm
from genrl.types import Paper

PAPER = Paper(
    "GRPO-Guard: Mitigating Implicit Over-Optimization in Flow Matching via Regulated Clipping",
    "Jing Wang, Jiajun Liang, Jie Liu, Henglin Liu, Gongye Liu, Jun Zheng, Wanyuan Pang, Ao Ma, Zhenyu Xie, Xintao Wang, "
    "Meng Wang, Pengfei Wan, Xiaodan Liang",
    2025, "2510.22319",
)  # fmt: skip


@register("algorithm", "grpo-guard", paper=PAPER, run=RUN)
def grpo_guard() -> PolicyGradient:
    """Flow-GRPO with a normalised ratio and each step's loss divided by its interval."""
    objective, weight = Clipped(epsilon=2e-6), InverseInterval()
    return replace(flow_grpo(), surrogate=RatioNorm(), objective=objective, step_weight=weight, regularizers=())
