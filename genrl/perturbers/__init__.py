"""Initial noise of a group: how far apart its members start."""

from genrl.perturbers.independent import Independent
from genrl.perturbers.neighborhood import Neighborhood
from genrl.perturbers.shared import Shared

__all__ = ["Independent", "Neighborhood", "Shared"]
