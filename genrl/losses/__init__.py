"""What is minimised: the clipped ratio, and penalties that hold the policy near another one."""

from genrl.losses.clipped import Clipped
from genrl.losses.regularizers import KLFlowGRPO, KLMean, KLOld, KLVelocity

__all__ = ["Clipped", "KLFlowGRPO", "KLMean", "KLOld", "KLVelocity"]
