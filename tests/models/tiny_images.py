"""Tiny text-to-image pipelines, one a family."""

from __future__ import annotations

import diffusers
import torch

from tests.models.tiny_parts import Tiny, autoencoder, clip, decoder_only, dynamic_euler, t5, tokenizer


def prx() -> Tiny:
    """Pixel space, predicts the clean picture: the structure of the model that comes with genrl."""
    transformer = diffusers.PRXTransformer2DModel(
        in_channels=3, patch_size=4, context_in_dim=32, hidden_size=32, num_heads=2, depth=2, axes_dim=[8, 8]
    )
    pipe = diffusers.PRXPixelPipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0),
        text_encoder=t5(),
        tokenizer=tokenizer(),
        default_sample_size=16,
        prompt_max_tokens=12,
        noise_scale=1.0,
    )
    return Tiny(pipe, {"guidance_scale": 1.0, "use_resolution_binning": False})


def sd3() -> Tiny:
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=64,
        caption_projection_dim=32,
        pooled_projection_dim=64,
    )
    pipe = diffusers.StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=autoencoder(4),
        text_encoder=clip(projection=True),
        tokenizer=tokenizer(),
        text_encoder_2=clip(projection=True),
        tokenizer_2=tokenizer(),
        text_encoder_3=t5(64),
        tokenizer_3=tokenizer(),
    )
    return Tiny(pipe, {"height": 16, "width": 16, "guidance_scale": 4.5, "max_sequence_length": 16})


def flux() -> Tiny:
    """Packed latents, embedded guidance, a shift that depends on the resolution."""
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1,
        in_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=True,
    )
    pipe = diffusers.FluxPipeline(
        transformer=transformer,
        scheduler=dynamic_euler(shift=3.0),
        vae=autoencoder(1),
        text_encoder=clip(projection=False),
        tokenizer=tokenizer(),
        text_encoder_2=t5(),
        tokenizer_2=tokenizer(),
    )
    return Tiny(pipe, {"height": 16, "width": 16, "guidance_scale": 3.5, "max_sequence_length": 16})


def flux_true_cfg() -> Tiny:
    """FLUX with a second network call for the negative prompt."""
    tiny = flux()
    return Tiny(tiny.pipe, tiny.call | {"negative_prompt": "a blue square", "true_cfg_scale": 2.0})


def flux2() -> Tiny:
    """Latents that `prepare_latents` packs itself, with position ids for each row."""
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
    )
    vae = diffusers.AutoencoderKLFlux2(
        sample_size=32,
        down_block_types=("DownEncoderBlock2D",),
        up_block_types=("UpDecoderBlock2D",),
        block_out_channels=(4,),
        layers_per_block=1,
        latent_channels=1,
        norm_num_groups=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    pipe = diffusers.Flux2Pipeline(
        transformer=transformer,
        scheduler=dynamic_euler(),
        vae=vae,
        text_encoder=decoder_only("Mistral"),
        tokenizer=tokenizer(),
    )
    call = {"height": 16, "width": 16, "guidance_scale": 4.0, "max_sequence_length": 64}
    return Tiny(pipe, call | {"text_encoder_out_layers": (1, 2, 3)})


def qwen() -> Tiny:
    """True guidance by two network calls with rescaling; texts are padded to the longest of the batch."""
    transformer = diffusers.QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=3,
        joint_attention_dim=16,
        guidance_embeds=False,
        axes_dims_rope=(8, 4, 4),
    )
    vae = diffusers.AutoencoderKLQwenImage(
        base_dim=24,
        z_dim=4,
        dim_mult=[1, 2, 4],
        num_res_blocks=1,
        temperal_downsample=[False, True],
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )
    scheduler = dynamic_euler(max_shift=0.9, max_image_seq_len=8192, shift_terminal=0.02)
    pipe = diffusers.QwenImagePipeline(
        transformer=transformer,
        scheduler=scheduler,
        vae=vae,
        text_encoder=decoder_only("Qwen3"),
        tokenizer=tokenizer(),
    )
    return Tiny(pipe, {"height": 32, "width": 32, "true_cfg_scale": 4.0, "negative_prompt": "a dog"})


def z_image() -> Tiny:
    """Encodings as a list of tensors, reversed time inside the network, negated velocity."""
    transformer = diffusers.ZImageTransformer2DModel(
        all_patch_size=(2,),
        all_f_patch_size=(1,),
        in_channels=16,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[256, 32, 32],
    )
    with torch.no_grad():
        transformer.x_pad_token.normal_()
        transformer.cap_pad_token.normal_()
    vae = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        layers_per_block=1,
        latent_channels=16,
        norm_num_groups=4,
        sample_size=32,
        scaling_factor=0.3611,
        shift_factor=0.1159,
    )
    pipe = diffusers.ZImagePipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae,
        text_encoder=decoder_only("Qwen3"),
        tokenizer=tokenizer(),
    )
    return Tiny(pipe, {"height": 32, "width": 32, "guidance_scale": 5.0, "max_sequence_length": 32})


def sana() -> Tiny:
    """DPM-Solver++ as the pipeline's own scheduler, with integer timesteps."""
    transformer = diffusers.SanaTransformer2DModel(
        patch_size=1,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_attention_heads=2,
        attention_head_dim=4,
        num_cross_attention_heads=2,
        cross_attention_head_dim=4,
        cross_attention_dim=8,
        caption_channels=16,
        sample_size=32,
    )
    vae = diffusers.AutoencoderDC(
        in_channels=3,
        latent_channels=4,
        attention_head_dim=2,
        encoder_block_types=("ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        encoder_qkv_multiscales=((), (5,)),
        decoder_qkv_multiscales=((), (5,)),
        encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=(1, 1),
        downsample_block_type="conv",
        upsample_block_type="interpolate",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        scaling_factor=0.41407,
    )
    scheduler = diffusers.DPMSolverMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=3.0)
    pipe = diffusers.SanaPipeline(
        tokenizer=tokenizer(),
        text_encoder=decoder_only("Gemma2"),
        vae=vae,
        transformer=transformer,
        scheduler=scheduler,
    )
    call = {"height": 32, "width": 32, "guidance_scale": 4.5, "max_sequence_length": 24}
    return Tiny(pipe, call | {"use_resolution_binning": False, "negative_prompt": ""})
