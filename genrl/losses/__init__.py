"""What is minimised: a clipped ratio or the matching of noised samples, what a step of it counts, and penalties.

Penalties hold the policy near another one.
"""

from genrl.losses.awm import AWM
from genrl.losses.clipped import Clipped
from genrl.losses.crd import CRD
from genrl.losses.dgpo import DGPO
from genrl.losses.divergence_mask import DivergenceMask
from genrl.losses.dpo import DPO
from genrl.losses.nft import NFT
from genrl.losses.regularizers import KLFlowGRPO, KLMean, KLOld, KLVelocity, gaussian_kl
from genrl.losses.step_weights import InverseInterval, NoiseLevel, Uniform
from genrl.losses.velocity_kl import RewardedVelocityKL, VelocityKL

__all__ = [
    "AWM",
    "CRD",
    "DGPO",
    "DPO",
    "NFT",
    "Clipped",
    "DivergenceMask",
    "InverseInterval",
    "KLFlowGRPO",
    "KLMean",
    "KLOld",
    "KLVelocity",
    "NoiseLevel",
    "RewardedVelocityKL",
    "Uniform",
    "VelocityKL",
    "gaussian_kl",
]
