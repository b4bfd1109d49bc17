"""Rewards: what pictures are worth. Any function with TRL's reward signature is one."""

from genrl.rewards.aesthetic import Aesthetic
from genrl.rewards.clip_score import ClipScore
from genrl.rewards.colorfulness import Colorfulness
from genrl.rewards.dino_diversity import DinoDiversity
from genrl.rewards.failed import Failed
from genrl.rewards.gradient import check_gradient, rate
from genrl.rewards.groups import Explored, complete_groups, score_members
from genrl.rewards.hpsv2 import Hpsv2
from genrl.rewards.jpeg_size import JpegSize
from genrl.rewards.judge import VlmJudge
from genrl.rewards.ocr import Ocr
from genrl.rewards.overlap import overlapped
from genrl.rewards.panel import RewardPanel
from genrl.rewards.per_frame import PerFrame
from genrl.rewards.pickscore import PickScore
from genrl.rewards.random import RandomReward
from genrl.rewards.remote import Remote
from genrl.rewards.resolve import resolve_reward
from genrl.rewards.scores import Scores
from genrl.rewards.sharpness import Sharpness
from genrl.rewards.siglip_score import SiglipScore
from genrl.rewards.temporal_smoothness import TemporalSmoothness
from genrl.rewards.term import RewardTerm
from genrl.rewards.win_rate import WinRate

__all__ = [
    "Aesthetic",
    "ClipScore",
    "Colorfulness",
    "DinoDiversity",
    "Explored",
    "Failed",
    "Hpsv2",
    "JpegSize",
    "Ocr",
    "PerFrame",
    "PickScore",
    "RandomReward",
    "Remote",
    "RewardPanel",
    "RewardTerm",
    "Scores",
    "Sharpness",
    "SiglipScore",
    "TemporalSmoothness",
    "VlmJudge",
    "WinRate",
    "check_gradient",
    "complete_groups",
    "overlapped",
    "rate",
    "resolve_reward",
    "score_members",
]
