"""Prompts from files, directories, the hub or a registered source, in an endless order that a resumed run continues."""

from genrl.prompts.heldout import CheckedPrompts, check_disjoint, distinct, split_heldout
from genrl.prompts.loading import load_heldout, load_prompts, train_and_heldout
from genrl.prompts.mapped import MapPrompts
from genrl.prompts.pictures import check_pictures
from genrl.prompts.streaming import StreamingPrompts

__all__ = [
    "CheckedPrompts",
    "MapPrompts",
    "StreamingPrompts",
    "check_disjoint",
    "check_pictures",
    "distinct",
    "load_heldout",
    "load_prompts",
    "split_heldout",
    "train_and_heldout",
]
