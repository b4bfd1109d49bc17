"""Tiny text-to-video pipelines, one a family."""

from __future__ import annotations

import diffusers
import torch
import transformers

from tests.models.tiny_parts import VOCABULARY, Tiny, clip, decoder_only, dynamic_euler, t5, tokenizer


def wan() -> Tiny:
    """Video; UniPC as the pipeline's own scheduler, guidance by two network calls."""
    transformer = diffusers.WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16,
        out_channels=16,
        text_dim=32,
        freq_dim=256,
        ffn_dim=32,
        num_layers=2,
        cross_attn_norm=True,
        rope_max_seq_len=32,
    )
    vae = diffusers.AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    encoder = transformers.UMT5EncoderModel(
        transformers.UMT5Config(vocab_size=VOCABULARY, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
    )
    scheduler = diffusers.UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    pipe = diffusers.WanPipeline(
        tokenizer=tokenizer(), text_encoder=encoder, vae=vae, scheduler=scheduler, transformer=transformer
    )
    call = {"height": 16, "width": 16, "num_frames": 9, "guidance_scale": 5.0, "max_sequence_length": 16}
    return Tiny(pipe, call | {"negative_prompt": "a dog"})


def wan_two_stage() -> Tiny:
    """Wan 2.2: a second transformer takes over below a boundary in time."""
    first, second = wan(), wan()
    torch.nn.init.normal_(second.pipe.transformer.proj_out.weight)
    parts = {k: v for k, v in first.pipe.components.items() if k not in ("transformer_2", "boundary_ratio")}
    pipe = diffusers.WanPipeline(**parts, transformer_2=second.pipe.transformer, boundary_ratio=0.875)
    return Tiny(pipe, first.call)


def hunyuan() -> Tiny:
    transformer = diffusers.HunyuanVideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=10,
        num_layers=1,
        num_single_layers=1,
        num_refiner_layers=1,
        patch_size=1,
        patch_size_t=1,
        guidance_embeds=True,
        text_embed_dim=16,
        pooled_projection_dim=32,
        rope_axes_dim=(2, 4, 4),
    )
    vae = diffusers.AutoencoderKLHunyuanVideo(
        latent_channels=4,
        down_block_types=("HunyuanVideoDownBlock3D",) * 4,
        up_block_types=("HunyuanVideoUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        norm_num_groups=4,
    )
    pipe = diffusers.HunyuanVideoPipeline(
        text_encoder=decoder_only("Llama"),
        tokenizer=tokenizer(),
        transformer=transformer,
        vae=vae,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder_2=clip(projection=False),
        tokenizer_2=tokenizer(),
    )
    call = {"height": 16, "width": 16, "num_frames": 9, "guidance_scale": 6.0, "max_sequence_length": 24}
    return Tiny(pipe, call | {"prompt_template": {"template": "a video of {}", "crop_start": 2}})


def ltx() -> Tiny:
    """Video in packed latents; a dynamic shift that is stretched to a terminal value."""
    transformer = diffusers.LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        patch_size=1,
        patch_size_t=1,
        num_attention_heads=4,
        attention_head_dim=8,
        cross_attention_dim=32,
        num_layers=1,
        caption_channels=32,
    )
    vae = diffusers.AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, False, False),
        decoder_spatio_temporal_scaling=(True, True, False, False),
        decoder_inject_noise=(False,) * 5,
        upsample_residual=(False,) * 4,
        upsample_factor=(1,) * 4,
        timestep_conditioning=False,
        patch_size=1,
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
    )
    scheduler = dynamic_euler(base_shift=0.95, max_shift=2.05, base_image_seq_len=1024, shift_terminal=0.1)
    pipe = diffusers.LTXPipeline(
        transformer=transformer, scheduler=scheduler, vae=vae, text_encoder=t5(), tokenizer=tokenizer()
    )
    call = {"height": 32, "width": 32, "num_frames": 9, "guidance_scale": 3.0, "max_sequence_length": 16}
    return Tiny(pipe, call | {"negative_prompt": "a dog"})


def hunyuan15() -> Tiny:
    """Guidance by a component of its own, a negative prompt that may be missing, channels for a picture that stay empty."""
    transformer = diffusers.HunyuanVideo15Transformer3DModel(
        in_channels=9,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        num_refiner_layers=1,
        mlp_ratio=2.0,
        patch_size=1,
        patch_size_t=1,
        text_embed_dim=16,
        text_embed_2_dim=32,
        image_embed_dim=12,
        rope_axes_dim=(2, 2, 4),
        target_size=16,
        task_type="t2v",
    )
    vae = diffusers.AutoencoderKLHunyuanVideo15(
        latent_channels=4,
        block_out_channels=(16, 16, 16),
        layers_per_block=1,
        spatial_compression_ratio=4,
        temporal_compression_ratio=4,
    )
    pipe = diffusers.HunyuanVideo15Pipeline(
        text_encoder=decoder_only("Qwen3", layers=4),
        tokenizer=tokenizer(letters=True),
        transformer=transformer,
        vae=vae,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=5.0),
        text_encoder_2=t5(),
        tokenizer_2=tokenizer(),
        guider=diffusers.ClassifierFreeGuidance(guidance_scale=6.0),
    )
    # Its decoder applies the attention mask of one video to another where there are two.
    return Tiny(pipe, {"height": 16, "width": 16, "num_frames": 9}, alone=True)


def kandinsky5() -> Tiny:
    """Channels last, behind them empty ones for a picture; texts padded without a mask and told by summed-up lengths."""
    transformer = diffusers.Kandinsky5Transformer3DModel(
        in_visual_dim=4,
        in_text_dim=16,
        in_text_dim2=32,
        time_dim=16,
        out_visual_dim=4,
        patch_size=(1, 2, 2),
        model_dim=16,
        ff_dim=32,
        num_text_blocks=1,
        num_visual_blocks=1,
        axes_dims=(2, 2, 4),
        visual_cond=True,
    )
    vae = diffusers.AutoencoderKLHunyuanVideo(
        latent_channels=4,
        down_block_types=("HunyuanVideoDownBlock3D",) * 4,
        up_block_types=("HunyuanVideoUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        norm_num_groups=4,
    )
    pipe = diffusers.Kandinsky5T2VPipeline(
        transformer=transformer,
        vae=vae,
        text_encoder=decoder_only("Qwen3"),
        tokenizer=tokenizer(letters=True),
        text_encoder_2=clip(projection=False),
        tokenizer_2=tokenizer(),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=5.0),
    )
    return Tiny(pipe, {"height": 16, "width": 16, "num_frames": 9, "guidance_scale": 5.0}, alone=True)


def mochi() -> Tiny:
    """Time that runs from data to noise."""
    transformer = diffusers.MochiTransformer3DModel(
        patch_size=2,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        pooled_projection_dim=16,
        in_channels=12,
        out_channels=None,
        qk_norm="rms_norm",
        text_embed_dim=32,
        time_embed_dim=4,
        max_sequence_length=16,
    )
    vae = diffusers.AutoencoderKLMochi(
        latent_channels=12,
        out_channels=3,
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(32, 32, 32, 32),
        layers_per_block=(1, 1, 1, 1, 1),
    )
    pipe = diffusers.MochiPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(invert_sigmas=True),
        vae=vae,
        text_encoder=t5(),
        tokenizer=tokenizer(),
        transformer=transformer,
    )
    call = {"height": 16, "width": 16, "num_frames": 7, "guidance_scale": 4.5, "max_sequence_length": 16}
    return Tiny(pipe, call | {"negative_prompt": ""})
