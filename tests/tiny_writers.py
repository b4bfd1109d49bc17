"""Language models of random weights with tokenizers trained on the spot: standard transformers folders, made in a moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from accelerate.state import AcceleratorState
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from genrl.scenes.grammar import all_prompts
from tests.tiny_runs import genrl

#: Loose requests and the sentence of the grammar that each stands for.
REQUESTS = {
    "put a red circle left of a blue square": "a red circle left of a blue square",
    "three green triangles, please": "three green triangles",
    "show a yellow square": "a yellow square",
    "draw two red circles": "two red circles",
    "draw a cyan circle": "a cyan circle",
    "i want a purple triangle": "a purple triangle",
}
PADDED = {"pad_token": "<pad>", "eos_token": "</s>"}
CHAT = "{% for message in messages %}{{ message['content'] }}{% endfor %} =>"
SETTINGS = {
    "writer.weights": "full",
    "writer.template": "{request} =>",
    "grpo.num_generations": 4,
    "grpo.per_device_train_batch_size": 8,
    "grpo.max_completion_length": 8,
    "grpo.learning_rate": 0.01,
    "grpo.save_steps": 1,
    "sampling.steps": 2,
    "evaluation.samples": 4,
    "evaluation.every": 1,
    "prompts.heldout_count": 2,
}


def build_tokenizer(**special: str) -> PreTrainedTokenizerFast:
    """Whole words of the grammar and of the requests."""
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordLevelTrainer(special_tokens=["<pad>", "</s>", "<unk>", "=>"])
    tokenizer.train_from_iterator([*all_prompts(), *REQUESTS], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", **special)


def build_model(vocabulary: int, seed: int = 0, **changes: Any) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    special: dict[str, Any] = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": None}
    return LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, max_position_embeddings=64, **sizes | special | changes))


def write_writer(folder: Path, seed: int = 0, chat: bool = False, special: dict[str, str] | None = None) -> Path:
    """A folder that `--writer` takes."""
    tokenizer = build_tokenizer(**(PADDED if special is None else special))
    if chat:
        tokenizer.chat_template = CHAT
    build_model(len(tokenizer), seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_requests(path: Path) -> Path:
    path.write_text("".join(json.dumps({"request": text, "scene": scene}) + "\n" for text, scene in REQUESTS.items()))
    return path


def sets(**changes: Any) -> list[str]:
    return [f"--set={key}={json.dumps(value)}" for key, value in (SETTINGS | changes).items()]


def train_prompter(*arguments: str, code: int = 0) -> str:
    """What the command prints. accelerate allows one precision in a process, and other tests share this one."""
    AcceleratorState._reset_state(reset_partial_state=True)
    said = genrl("train-prompter", *arguments, code=code)
    AcceleratorState._reset_state(reset_partial_state=True)
    return said
