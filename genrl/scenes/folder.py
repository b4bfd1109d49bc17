"""The base model as an ordinary diffusers folder: a small ``PRXPixelPipeline`` that draws 32 x 32 scenes.

Nothing in the folder is custom: ``DiffusionPipeline.from_pretrained(MODEL_FOLDER)`` loads it. Pixel space, no VAE; the
transformer predicts the clean picture, which the pipeline turns into a velocity. Call the pipeline with
``guidance_scale=1.0, use_resolution_binning=False``.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, PRXPixelPipeline, PRXTransformer2DModel
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor, nn
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from genrl.scenes.grammar import all_prompts
from genrl.scenes.placement import SIZE

Pipeline = Any  # a PRXPixelPipeline, whose parts diffusers sets dynamically, out of sight of type checkers
MODEL_FOLDER = Path(__file__).parent / "model"
MAX_TOKENS = 12
TEXT_WIDTH = 64
MIN_TIME = 0.05  # the pipeline divides by max(t, MIN_TIME) when it turns x0 into a velocity


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer of the grammar's words: lower case, split at white space, ``<unk>`` for the rest."""
    words = sorted({word for prompt in all_prompts() for word in prompt.split()})
    vocabulary = {word: index for index, word in enumerate(["<pad>", "</s>", "<unk>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=MAX_TOKENS,
        padding_side="right",
    )


def build_text_encoder(vocabulary_size: int) -> BertModel:
    """A two-layer BERT encoder of width 64: every word sees every other, and its place in the sentence."""
    encoder = BertModel(
        BertConfig(
            vocab_size=vocabulary_size,
            hidden_size=TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=4 * TEXT_WIDTH,
            max_position_embeddings=MAX_TOKENS,
            type_vocab_size=1,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            pad_token_id=0,
        )
    )
    # Words and places must be far apart from the start: with small embeddings the rarer shape words, and which word
    # belongs to which object, are learnt very late.
    nn.init.normal_(encoder.embeddings.word_embeddings.weight, std=1.0)
    nn.init.normal_(encoder.embeddings.position_embeddings.weight, std=0.5)
    return encoder


def build_pipeline() -> Pipeline:
    """A pipeline with freshly initialised weights; seed ``torch`` first if they should be reproducible."""
    tokenizer = build_tokenizer()
    transformer: Any = PRXTransformer2DModel(
        in_channels=3,
        patch_size=4,
        context_in_dim=TEXT_WIDTH,
        hidden_size=128,
        num_heads=4,
        depth=6,
        axes_dim=[16, 16],
    )
    nn.init.zeros_(transformer.final_layer.linear.weight)
    nn.init.zeros_(transformer.final_layer.linear.bias)
    return PRXPixelPipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        text_encoder=build_text_encoder(len(tokenizer)),
        tokenizer=tokenizer,
        default_sample_size=SIZE,
        prompt_max_tokens=MAX_TOKENS,
        noise_scale=1.0,
    )


def save_folder(pipeline: Pipeline, folder: Path) -> None:
    """Write the pipeline folder with half-precision weights; it loads in single precision by ``dtype=torch.float32``.

    Converts a copy of the weights, so ``pipeline`` stays as it is.
    """
    small = build_pipeline()
    small.transformer.load_state_dict(pipeline.transformer.state_dict())
    small.text_encoder.load_state_dict(pipeline.text_encoder.state_dict())
    small.to(torch.float16)
    small.save_pretrained(folder, safe_serialization=True)


def load_folder(folder: Path = MODEL_FOLDER) -> Pipeline:
    """The pipeline of a folder, in single precision, without progress bars."""
    pipeline: Pipeline = PRXPixelPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@torch.no_grad()
def sample(pipeline: Pipeline, prompts: list[str], steps: int, seed: int) -> Tensor:
    """Pictures, float ``(N, 3, 32, 32)`` in [0, 1], by the pipeline's own Euler steps without guidance."""
    pictures = pipeline(
        prompts,
        num_inference_steps=steps,
        guidance_scale=1.0,
        use_resolution_binning=False,
        generator=torch.Generator().manual_seed(seed),
        output_type="pt",
    ).images
    return (pictures.float() / 2 + 0.5).clamp(0, 1)
