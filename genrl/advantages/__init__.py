"""How much better than its siblings each member is."""

from genrl.advantages.quasi_norm import QuasiNorm
from genrl.advantages.tree_z_score import TreeZScore
from genrl.advantages.within import Within
from genrl.advantages.z_score import ZScore

__all__ = ["QuasiNorm", "TreeZScore", "Within", "ZScore"]
