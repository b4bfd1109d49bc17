"""Which steps are noisy, which are trained, and at which members of a group the network is asked again."""

from genrl.selection.anchors import EveryMember, RandomAnchors
from genrl.selection.every import Every
from genrl.selection.random_subset import RandomSubset
from genrl.selection.sliding_window import SlidingWindow

__all__ = ["Every", "EveryMember", "RandomAnchors", "RandomSubset", "SlidingWindow"]
