"""The prompt writer as an ordinary transformers folder: a small Llama and a word-level tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from genrl.scenes.grammar import all_prompts
from genrl.scenes.requests.source import train_requests

Model = Any  # a LlamaForCausalLM, whose methods are decorated out of sight of type checkers
#: What the writer is given; the prompt follows, and the end-of-text token.
TEMPLATE = "{request} =>"
MAX_TOKENS, MAX_NEW_TOKENS = 64, 12
#: Beside the weights, how the writer is asked.
RECORD = "prompter.json"
_WIDTH, _LAYERS, _HEADS = 96, 3, 4


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer of the words of requests and prompts: lower case, punctuation apart, ``<unk>`` for the rest."""
    splitter = pre_tokenizers.Split(Regex(r"=>|\w+|[^\w\s]"), "removed", invert=True)
    texts = [TEMPLATE, *all_prompts(), *(request.text for request in train_requests())]
    words = {word for text in texts for word, _ in splitter.pre_tokenize_str(text.replace("{request}", "").lower())}
    vocabulary = {word: index for index, word in enumerate(["<pad>", "</s>", "<unk>", *sorted(words)])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = splitter
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=MAX_TOKENS,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def build_model(tokenizer: PreTrainedTokenizerFast) -> Model:
    """A freshly initialised Llama of 0.34 M parameters; seed ``torch`` first if they should be reproducible."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=_WIDTH,
            intermediate_size=8 * _WIDTH // 3,
            num_hidden_layers=_LAYERS,
            num_attention_heads=_HEADS,
            max_position_embeddings=MAX_TOKENS,
            tie_word_embeddings=True,
            # The usual 0.02 is made for wide models: a narrow one learns late which word goes where.
            initializer_range=_WIDTH**-0.5,
            # Rotations slower than a request is long tell its words apart no better than none.
            rope_parameters={"rope_type": "default", "rope_theta": 100.0},
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def save_folder(model: Model, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write weights, tokenizer, and how the writer is asked."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / RECORD).write_text(json.dumps({"template": TEMPLATE, "max_new_tokens": MAX_NEW_TOKENS}, indent=1) + "\n")
