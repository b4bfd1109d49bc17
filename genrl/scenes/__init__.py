"""The embedded world: drawn scenes with an exact scorer, their prompts, and a small model that draws them.

Importing this package registers the reward, the prompts and the faithfulness named "scenes", the reward "scenes-quality",
and the requests "scenes-requests". The model is in ``folder.MODEL_FOLDER``, the prompt writer in
``writer.WRITER_FOLDER``.
"""

from genrl.scenes.faithfulness import ScenesFaithfulness
from genrl.scenes.grammar import Scene, all_prompts, parse
from genrl.scenes.pairs import ScenesPairs
from genrl.scenes.prompts import held_out_prompts, train_prompts
from genrl.scenes.rendering import ScenesQuality
from genrl.scenes.requests import ScenesRequests
from genrl.scenes.reward import ScenesReward, scenes_metrics
from genrl.scenes.source import ScenesPrompts

__all__ = [
    "Scene",
    "ScenesFaithfulness",
    "ScenesPairs",
    "ScenesPrompts",
    "ScenesQuality",
    "ScenesRequests",
    "ScenesReward",
    "all_prompts",
    "held_out_prompts",
    "parse",
    "scenes_metrics",
    "train_prompts",
]
