"""Which steps are noisy, which are trained, and at or from which members of a group is learned."""

from genrl.selection.anchors import EveryMember, RandomAnchors
from genrl.selection.branch_once import BranchOnce
from genrl.selection.branching import Branching
from genrl.selection.every import Every
from genrl.selection.members import BestAndWorst, Everyone
from genrl.selection.random_subset import RandomSubset
from genrl.selection.random_window import RandomWindow
from genrl.selection.sliding_window import SlidingWindow

__all__ = [
    "BestAndWorst",
    "BranchOnce",
    "Branching",
    "Every",
    "EveryMember",
    "Everyone",
    "RandomAnchors",
    "RandomSubset",
    "RandomWindow",
    "SlidingWindow",
]
