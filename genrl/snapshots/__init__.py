"""Weight sets beside the current one, and how they follow it."""

from genrl.snapshots.copied import Copied
from genrl.snapshots.ramp import Ramp

__all__ = ["Copied", "Ramp"]
