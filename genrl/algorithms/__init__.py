"""Recipes: one file each. A recipe is a function that returns a composition with the paper's constants, and nothing else."""

from genrl.algorithms.awm import awm
from genrl.algorithms.branch_grpo import branch_grpo
from genrl.algorithms.crd import crd
from genrl.algorithms.dance_grpo import dance_grpo
from genrl.algorithms.dgpo import dgpo
from genrl.algorithms.diffusion_dpo import diffusion_dpo
from genrl.algorithms.diffusion_nft import diffusion_nft
from genrl.algorithms.direct_gradient import DirectGradient
from genrl.algorithms.draft import draft
from genrl.algorithms.flow_cps import flow_cps
from genrl.algorithms.flow_dppo import flow_dppo
from genrl.algorithms.flow_grpo import flow_grpo
from genrl.algorithms.flow_grpo_fast import flow_grpo_fast
from genrl.algorithms.forward_process import ForwardProcess
from genrl.algorithms.grpo_guard import grpo_guard
from genrl.algorithms.mix_grpo import mix_grpo
from genrl.algorithms.mix_grpo_flash import mix_grpo_flash
from genrl.algorithms.neighbor_grpo import neighbor_grpo
from genrl.algorithms.neighbor_grpo_paper import neighbor_grpo_paper
from genrl.algorithms.offline_preference import OfflinePreference
from genrl.algorithms.online_dpo import online_dpo
from genrl.algorithms.policy_gradient import PolicyGradient
from genrl.algorithms.temp_flow_grpo import temp_flow_grpo
from genrl.protocols import Algorithm

__all__ = [
    "Algorithm",
    "DirectGradient",
    "ForwardProcess",
    "OfflinePreference",
    "PolicyGradient",
    "awm",
    "branch_grpo",
    "crd",
    "dance_grpo",
    "diffusion_dpo",
    "dgpo",
    "diffusion_nft",
    "draft",
    "flow_cps",
    "flow_dppo",
    "flow_grpo",
    "flow_grpo_fast",
    "grpo_guard",
    "mix_grpo",
    "mix_grpo_flash",
    "neighbor_grpo",
    "neighbor_grpo_paper",
    "online_dpo",
    "temp_flow_grpo",
]
