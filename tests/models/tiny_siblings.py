"""Tiny pipelines that share most parts with another family."""

from __future__ import annotations

import diffusers

from tests.models.tiny_images import flux2
from tests.models.tiny_parts import Tiny, autoencoder, decoder_only, dynamic_euler, t5, tokenizer
from tests.models.tiny_videos import wan


def flux2_klein() -> Tiny:
    """FLUX.2 without embedded guidance: a second network call for the negative prompt."""
    transformer = diffusers.Flux2Transformer2DModel(
        patch_size=1,
        in_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=256,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    pipe = diffusers.Flux2KleinPipeline(
        scheduler=dynamic_euler(),
        vae=flux2().pipe.vae,
        text_encoder=decoder_only("Qwen3"),
        tokenizer=tokenizer(),
        transformer=transformer,
    )
    call = {"height": 16, "width": 16, "guidance_scale": 4.0, "max_sequence_length": 64}
    return Tiny(pipe, call | {"text_encoder_out_layers": (1, 2, 3)})


def ovis() -> Tiny:
    """The text encoder's last states, cut behind a template."""
    transformer = diffusers.OvisImageTransformer2DModel(
        patch_size=1,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(4, 4, 8),
    )
    pipe = diffusers.OvisImagePipeline(
        scheduler=dynamic_euler(),
        vae=autoencoder(1),
        text_encoder=decoder_only("Qwen3"),
        tokenizer=tokenizer(letters=True),
        transformer=transformer,
    )
    return Tiny(pipe, {"height": 16, "width": 16, "guidance_scale": 5.0, "max_sequence_length": 256})


def bria() -> Tiny:
    """Texts that are encoded one by one and padded with zeros."""
    transformer = diffusers.BriaTransformer2DModel(
        patch_size=1,
        in_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        axes_dims_rope=[0, 8, 8],
    )
    pipe = diffusers.BriaPipeline(
        transformer=transformer,
        scheduler=dynamic_euler(),
        vae=autoencoder(1),
        text_encoder=t5(),
        tokenizer=tokenizer(),
    )
    return Tiny(pipe, {"height": 16, "width": 16, "guidance_scale": 5.0, "max_sequence_length": 32})


def lumina() -> Tiny:
    """A negative prompt that is padded to the prompt's length; a network that answers with variances as well."""
    transformer = diffusers.LuminaNextDiT2DModel(
        sample_size=4,
        patch_size=2,
        in_channels=4,
        hidden_size=24,
        num_layers=2,
        num_attention_heads=3,
        num_kv_heads=1,
        multiple_of=16,
        cross_attention_dim=16,
    )
    pipe = diffusers.LuminaPipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=autoencoder(4),
        text_encoder=decoder_only("Gemma2"),
        tokenizer=tokenizer(),
    )
    return Tiny(pipe, {"height": 32, "width": 32, "guidance_scale": 4.0, "clean_caption": False})


def hunyuan_image() -> Tiny:
    """Two guiders, one for prompts that ask for written words."""
    transformer = diffusers.HunyuanImageTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=1,
        num_single_layers=1,
        num_refiner_layers=1,
        text_embed_dim=16,
        text_embed_2_dim=32,
        rope_axes_dim=(8, 8),
    )
    vae = diffusers.AutoencoderKLHunyuanImage(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(32, 32, 32),
        layers_per_block=1,
        spatial_compression_ratio=4,
        sample_size=16,
        scaling_factor=1.0,
    )
    pipe = diffusers.HunyuanImagePipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0),
        vae=vae,
        text_encoder=decoder_only("Qwen3", layers=4),
        tokenizer=tokenizer(letters=True),
        text_encoder_2=t5(),
        tokenizer_2=tokenizer(),
        transformer=transformer,
        guider=diffusers.ClassifierFreeGuidance(guidance_scale=3.0),
        ocr_guider=diffusers.ClassifierFreeGuidance(guidance_scale=3.0),
    )
    return Tiny(pipe, {"height": 32, "width": 32})


def skyreels() -> Tiny:
    """Wan's structure around another network."""
    tiny = wan()
    transformer = diffusers.SkyReelsV2Transformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16,
        out_channels=16,
        text_dim=32,
        freq_dim=256,
        ffn_dim=32,
        num_layers=2,
        rope_max_seq_len=32,
    )
    parts = {name: tiny.pipe.components[name] for name in ("tokenizer", "text_encoder", "vae", "scheduler")}
    return Tiny(diffusers.SkyReelsV2Pipeline(**parts, transformer=transformer), tiny.call)


def sana_video() -> Tiny:
    """Video whose length is called `frames`."""
    transformer = diffusers.SanaVideoTransformer3DModel(
        in_channels=16,
        out_channels=16,
        num_attention_heads=2,
        attention_head_dim=12,
        num_layers=1,
        num_cross_attention_heads=2,
        cross_attention_head_dim=12,
        cross_attention_dim=24,
        caption_channels=16,
        sample_size=8,
        patch_size=(1, 2, 2),
        rope_max_seq_len=32,
    )
    scheduler = diffusers.DPMSolverMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=3.0)
    pipe = diffusers.SanaVideoPipeline(
        tokenizer=tokenizer(),
        text_encoder=decoder_only("Gemma2"),
        vae=wan().pipe.vae,
        transformer=transformer,
        scheduler=scheduler,
    )
    call = {"height": 32, "width": 32, "frames": 9, "guidance_scale": 4.5, "max_sequence_length": 24}
    return Tiny(pipe, call | {"use_resolution_binning": False})
