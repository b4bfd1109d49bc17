"""The settings of a prompt writer beside those of the flow model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from genrl.bounds import Count, NonNegative
from genrl.faithfulness import ContentWords, Faithfulness


@dataclass(frozen=True)
class WriterSettings:
    """The language model, what it is asked, and how its prompts are judged.

    path: a hub id or a local folder of a causal language model, of an adapter, or of a finished run of `train-prompter`.
    dtype: of its weights.
    weights: "lora" trains an adapter of `lora_rank` and `lora_alpha` on a frozen base, "full" every weight. A higher rank can
        change more and costs more memory.
    lora_targets: names of the layers that get adapters; empty takes every linear layer but the output.
    template: what the model is given, with {request} where the request stands; a model with a chat template gets it as the
        user's message. Empty takes what the folder was trained with, else a general instruction.
    pad_token: a token of its own that fills batches up, for a tokenizer that names none.
    pictures: noises that each prompt is drawn from; more make its reward steadier at proportional cost.
    faithfulness: measures whether a prompt still asks for what was asked.
    faithfulness_weight: its share beside the pictures' reward, which has 1. Both are normalised in their group, so at 1 a
        reward that pulls the other way is a draw; higher holds the writer to the request more firmly, 0 only watches.
    """

    path: str = ""
    revision: str | None = None
    trust_remote_code: bool = False
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    weights: Literal["lora", "full"] = "lora"
    lora_rank: Count = 16
    lora_alpha: Count = 32
    lora_targets: tuple[str, ...] = ()
    template: str = ""
    pad_token: str = ""
    pictures: Count = 2
    faithfulness: Faithfulness = field(default_factory=ContentWords)
    faithfulness_weight: NonNegative = 2.0
