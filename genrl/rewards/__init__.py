"""Rewards: what pictures are worth. Any function with TRL's reward signature is one."""

from genrl.rewards.colorfulness import Colorfulness
from genrl.rewards.failed import Failed
from genrl.rewards.groups import Explored, complete_groups, score_members
from genrl.rewards.jpeg_size import JpegSize
from genrl.rewards.overlap import overlapped
from genrl.rewards.panel import RewardPanel
from genrl.rewards.random import RandomReward
from genrl.rewards.resolve import resolve_reward
from genrl.rewards.scores import Scores
from genrl.rewards.term import RewardTerm

__all__ = [
    "Colorfulness",
    "Explored",
    "Failed",
    "JpegSize",
    "RandomReward",
    "RewardPanel",
    "RewardTerm",
    "Scores",
    "complete_groups",
    "overlapped",
    "resolve_reward",
    "score_members",
]
