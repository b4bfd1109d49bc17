"""Folders of configs of published models; their text encoders and decoders are small, which the transformer does not see."""

from __future__ import annotations

from pathlib import Path

import diffusers
import torch
import transformers

from tests.models.configs import write_configs
from tests.models.tiny_parts import dynamic_euler, tokenizer


def flux_dev(folder: Path) -> Path:
    """black-forest-labs/FLUX.1-dev: the class's defaults and embedded guidance."""
    with torch.device("meta"):
        transformer = diffusers.FluxTransformer2DModel(guidance_embeds=True)
        vae = autoencoder()
        text_encoder, text_encoder_2 = transformers.CLIPTextModel(clip_config(768)), t5()
    pipe = diffusers.FluxPipeline(
        transformer=transformer,
        scheduler=dynamic_euler(shift=3.0),
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer(),
        text_encoder_2=text_encoder_2,
        tokenizer_2=tokenizer(),
    )
    return write_configs(pipe, folder)


def sd35_medium(folder: Path) -> Path:
    """stabilityai/stable-diffusion-3.5-medium, by the values of its transformer/config.json."""
    with torch.device("meta"):
        transformer = diffusers.SD3Transformer2DModel(
            sample_size=128,
            patch_size=2,
            in_channels=16,
            out_channels=16,
            num_layers=24,
            attention_head_dim=64,
            num_attention_heads=24,
            joint_attention_dim=4096,
            caption_projection_dim=1536,
            pooled_projection_dim=2048,
            pos_embed_max_size=384,
            dual_attention_layers=tuple(range(13)),
            qk_norm="rms_norm",
        )
        vae = autoencoder()
        clips = [transformers.CLIPTextModelWithProjection(clip_config(width)) for width in (768, 1280)]
        text_encoder_3 = t5()
    pipe = diffusers.StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae,
        text_encoder=clips[0],
        tokenizer=tokenizer(),
        text_encoder_2=clips[1],
        tokenizer_2=tokenizer(),
        text_encoder_3=text_encoder_3,
        tokenizer_3=tokenizer(),
    )
    return write_configs(pipe, folder)


def autoencoder() -> diffusers.AutoencoderKL:
    return diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=16,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.1,
        scaling_factor=1.5,
        sample_size=1024,
    )


def clip_config(width: int) -> transformers.CLIPTextConfig:
    return transformers.CLIPTextConfig(
        hidden_size=width, projection_dim=width, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64
    )


def t5() -> transformers.T5EncoderModel:
    return transformers.T5EncoderModel(transformers.T5Config(d_model=4096, num_layers=1, d_ff=64, num_heads=1))
