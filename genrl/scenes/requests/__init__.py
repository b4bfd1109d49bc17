"""Requests for scenes in loose words, with exact ground truth: what a prompt writer is given to rewrite."""

from genrl.scenes.requests.source import ScenesRequests

__all__ = ["ScenesRequests"]
