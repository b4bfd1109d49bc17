"""A vision-language model as judge, behind any OpenAI-compatible endpoint."""

from genrl.rewards.judge.reward import VlmJudge

__all__ = ["VlmJudge"]
