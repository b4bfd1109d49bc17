"""How much better than its siblings each member is."""

from genrl.advantages.quasi_norm import QuasiNorm
from genrl.advantages.z_score import ZScore

__all__ = ["QuasiNorm", "ZScore"]
