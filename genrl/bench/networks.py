"""Pipelines of published shape with random weights: speed needs no trained ones, and nothing is downloaded.

Text encoders are small and only as wide as the network wants its tokens: each text is encoded once in a run, so they take no
part in what is measured. Networks and decoders have their real size.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

#: What T5 and the two CLIPs of SD3 hand over, and the width of T5 in FLUX.
T5_WIDTH, CLIP_WIDTHS = 4096, (768, 1280)
WORDS = 64


@contextmanager
def made_on(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Inside, modules are made on the device and in the type, so that no larger copy of them ever exists."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            yield
    finally:
        torch.set_default_dtype(before)


def sd3_30m() -> Any:
    """Stable Diffusion 3 with 30 million parameters: 4 blocks of width 448, 8 x 8 pixels a latent."""
    import diffusers

    transformer = diffusers.SD3Transformer2DModel(
        sample_size=16,
        num_layers=4,
        num_attention_heads=7,
        joint_attention_dim=T5_WIDTH,
        caption_projection_dim=448,
        pooled_projection_dim=sum(CLIP_WIDTHS),
        pos_embed_max_size=32,
    )
    return _sd3(transformer, _decoder((16, 32, 32, 32)))


def sd35_medium() -> Any:
    """Stable Diffusion 3.5 Medium, by its published config: 2.2 billion parameters."""
    import diffusers

    transformer = diffusers.SD3Transformer2DModel(
        sample_size=128,
        num_layers=24,
        num_attention_heads=24,
        joint_attention_dim=T5_WIDTH,
        caption_projection_dim=1536,
        pooled_projection_dim=sum(CLIP_WIDTHS),
        pos_embed_max_size=384,
        dual_attention_layers=tuple(range(13)),
        qk_norm="rms_norm",
    )
    return _sd3(transformer, _decoder((128, 256, 512, 512)))


def flux_dev() -> Any:
    """FLUX.1-dev, by its published config: 11.9 billion parameters, embedded guidance."""
    import diffusers

    return diffusers.FluxPipeline(
        transformer=diffusers.FluxTransformer2DModel(guidance_embeds=True),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=_decoder((128, 256, 512, 512)),
        text_encoder=_clip(CLIP_WIDTHS[0], projection=False),
        tokenizer=_tokenizer(77),
        text_encoder_2=_t5(),
        tokenizer_2=_tokenizer(512),
    )


def _sd3(transformer: Any, vae: Any) -> Any:
    import diffusers

    return diffusers.StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae,
        text_encoder=_clip(CLIP_WIDTHS[0], projection=True),
        tokenizer=_tokenizer(77),
        text_encoder_2=_clip(CLIP_WIDTHS[1], projection=True),
        tokenizer_2=_tokenizer(77),
        text_encoder_3=_t5(),
        tokenizer_3=_tokenizer(512),
    )


def _decoder(channels: tuple[int, ...]) -> Any:
    import diffusers

    return diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        block_out_channels=channels,
        layers_per_block=2,
        latent_channels=16,
        norm_num_groups=16,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.0609,
        scaling_factor=1.5305,
    )


def _clip(width: int, projection: bool) -> Any:
    import transformers

    config = transformers.CLIPTextConfig(
        vocab_size=WORDS,
        hidden_size=width,
        projection_dim=width,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
    )
    return transformers.CLIPTextModelWithProjection(config) if projection else transformers.CLIPTextModel(config)


def _t5() -> Any:
    import transformers

    config = transformers.T5Config(
        vocab_size=WORDS, d_model=T5_WIDTH, d_kv=8, d_ff=64, num_layers=1, num_heads=4, dropout_rate=0.0
    )
    return transformers.T5EncoderModel(config)


def _tokenizer(length: int) -> Any:
    """A token for each letter."""
    from string import ascii_lowercase

    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    known = {token: index for index, token in enumerate(["<pad>", "<unk>", "<s>", "</s>", *ascii_lowercase])}
    raw = Tokenizer(models.WordLevel(known, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(token, known[token]) for token in ("<s>", "</s>")]
    )
    special = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=raw, model_max_length=length, **special)
