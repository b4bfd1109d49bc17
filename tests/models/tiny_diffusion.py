"""Tiny text-to-image pipelines from before flows: a UNet that predicts the noise or v."""

from __future__ import annotations

import diffusers

from tests.models.tiny_parts import Tiny, autoencoder, clip, tokenizer


def scheduler(**config: object) -> diffusers.DDIMScheduler:
    """Stable Diffusion's noise levels; the sampling that a converted flow has."""
    return diffusers.DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        timestep_spacing="trailing",
        **config,
    )


def sd15() -> Tiny:
    """Predicts the noise; guidance by one call for both prompts."""
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=4,
        cross_attention_dim=32,
    )
    pipe = diffusers.StableDiffusionPipeline(
        vae=autoencoder(4),
        text_encoder=clip(projection=False),
        tokenizer=tokenizer(),
        unet=unet,
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return Tiny(pipe, {"height": 8, "width": 8, "guidance_scale": 5.0, "negative_prompt": "a dog"})


def sdxl() -> Tiny:
    """Predicts v; two text encoders and a size condition."""
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=80,
        cross_attention_dim=64,
    )
    pipe = diffusers.StableDiffusionXLPipeline(
        vae=autoencoder(4),
        text_encoder=clip(projection=False),
        text_encoder_2=clip(projection=True),
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(),
        unet=unet,
        scheduler=scheduler(prediction_type="v_prediction", rescale_betas_zero_snr=True),
    )
    return Tiny(pipe, {"height": 8, "width": 8, "guidance_scale": 5.0})
