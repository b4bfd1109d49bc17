"""Tokenizers, text encoders and decoders for tiny pipelines."""

from __future__ import annotations

from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import Any

import diffusers
import transformers
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

WORDS = ["a", "the", "and", "beside", "photo", "video", "red", "blue", "green", "cat", "dog", "circle", "star"]
SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]
VOCABULARY = 64
CHAT_TEMPLATE = (
    "{% for m in messages %}{% if m.content is string %}{{ m.content }}"
    "{% else %}{% for part in m.content %}{{ part.text }} {% endfor %}{% endif %}{% endfor %}"
)


@dataclass(frozen=True)
class Tiny:
    """`alone`: the pipeline does not do for two prompts in one batch what it does for each."""

    pipe: Any
    call: dict[str, Any] = field(default_factory=dict)
    alone: bool = False

    def arguments(self, rows: int) -> dict[str, Any]:
        """The call arguments as the pipeline itself wants them for a batch: one negative prompt for each row."""
        return {k: [v] * rows if k == "negative_prompt" else v for k, v in self.call.items()}


def tokenizer(padding_side: str = "right", letters: bool = False) -> transformers.PreTrainedTokenizerFast:
    """Word level, or a token for each letter; the unknown is <unk>, so any text has a length."""
    words = {word: index for index, word in enumerate(SPECIAL + (list(ascii_lowercase) if letters else WORDS))}
    raw = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated") if letters else pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", words["<s>"]), ("</s>", words["</s>"])]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=1024 if letters else 77,
        padding_side=padding_side,
        chat_template=CHAT_TEMPLATE,
    )


def clip(projection: bool) -> transformers.PreTrainedModel:
    config = transformers.CLIPTextConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=37,
        projection_dim=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=77,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
    )
    return transformers.CLIPTextModelWithProjection(config) if projection else transformers.CLIPTextModel(config)


def t5(width: int = 32) -> transformers.T5EncoderModel:
    config = transformers.T5Config(
        vocab_size=VOCABULARY, d_model=width, d_kv=8, d_ff=37, num_layers=2, num_heads=4, dropout_rate=0.0
    )
    return transformers.T5EncoderModel(config)


def decoder_only(kind: str, width: int = 16, layers: int = 3) -> transformers.PreTrainedModel:
    """A small language model of that family ("Llama", "Qwen3", "Gemma2", "Mistral"), for its hidden states."""
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=24,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=1024,
        pad_token_id=0,
    )
    return getattr(transformers, f"{kind}Model")(config)


def autoencoder(channels: int, attention: bool = True) -> diffusers.AutoencoderKL:
    """An image VAE that does not change the resolution."""
    return diffusers.AutoencoderKL(
        sample_size=32,
        block_out_channels=(4,),
        layers_per_block=1,
        latent_channels=channels,
        mid_block_add_attention=attention,
        norm_num_groups=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.0609,
        scaling_factor=1.5035,
    )


def dynamic_euler(**config: Any) -> diffusers.FlowMatchEulerDiscreteScheduler:
    return diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, **config)
