"""A reward behind an HTTP server: the other end of the reward `remote`."""

from genrl.serving.limits import Limits
from genrl.serving.service import RewardService

__all__ = ["Limits", "RewardService"]
