"""Rewards: what pictures are worth. Any function with TRL's reward signature is one."""

from genrl.rewards.colorfulness import Colorfulness
from genrl.rewards.failed import Failed
from genrl.rewards.jpeg_size import JpegSize
from genrl.rewards.panel import RewardPanel
from genrl.rewards.random import RandomReward
from genrl.rewards.resolve import resolve_reward
from genrl.rewards.scores import Scores
from genrl.rewards.term import RewardTerm

__all__ = [
    "Colorfulness",
    "Failed",
    "JpegSize",
    "RandomReward",
    "RewardPanel",
    "RewardTerm",
    "Scores",
    "resolve_reward",
]
