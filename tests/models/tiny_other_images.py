"""Tiny text-to-image pipelines that encode their texts in ways of their own, one a family."""

from __future__ import annotations

import diffusers
import transformers

from tests.models.tiny_parts import VOCABULARY, Tiny, autoencoder, clip, decoder_only, dynamic_euler, t5, tokenizer


def umt5() -> transformers.UMT5EncoderModel:
    return transformers.UMT5EncoderModel(
        transformers.UMT5Config(vocab_size=VOCABULARY, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
    )


def aura_flow() -> Tiny:
    """Encodings multiplied with their mask, timesteps that are put into a tensor of their own."""
    transformer = diffusers.AuraFlowTransformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        num_mmdit_layers=1,
        num_single_dit_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=32,
        caption_projection_dim=32,
        pos_embed_max_size=64,
    )
    pipe = diffusers.AuraFlowPipeline(
        tokenizer=tokenizer(),
        text_encoder=umt5(),
        vae=autoencoder(4),
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=1.73),
    )
    return Tiny(pipe, {"height": 16, "width": 16, "guidance_scale": 3.5, "max_sequence_length": 16})


def cogview4() -> Tiny:
    """Texts padded at their beginning to a multiple of 16, without a mask; a size condition; a linear shift."""
    transformer = diffusers.CogView4Transformer2DModel(
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        text_embed_dim=16,
        time_embed_dim=8,
        condition_dim=4,
        rope_axes_dim=(8, 8),
    )
    pipe = diffusers.CogView4Pipeline(
        tokenizer=tokenizer(padding_side="left"),
        text_encoder=decoder_only("Glm"),
        vae=autoencoder(4),
        transformer=transformer,
        scheduler=dynamic_euler(base_shift=0.25, max_shift=0.75, base_image_seq_len=256, time_shift_type="linear"),
    )
    return Tiny(pipe, {"height": 16, "width": 16, "guidance_scale": 5.0, "max_sequence_length": 32}, alone=True)


def lumina2() -> Tiny:
    """Time that runs the other way inside the network, negated velocity, guidance rescaled to the conditional norm."""
    transformer = diffusers.Lumina2Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        hidden_size=24,
        num_layers=2,
        num_refiner_layers=1,
        num_attention_heads=3,
        num_kv_heads=1,
        multiple_of=16,
        axes_dim_rope=(4, 2, 2),
        axes_lens=(128, 64, 64),
        cap_feat_dim=16,
    )
    pipe = diffusers.Lumina2Pipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=6.0),
        vae=autoencoder(4),
        text_encoder=decoder_only("Gemma2"),
        tokenizer=tokenizer(),
    )
    return Tiny(pipe, {"height": 128, "width": 128, "guidance_scale": 4.0, "max_sequence_length": 48})


def chroma() -> Tiny:
    """Packed latents, masks that keep one padding token, guidance by two network calls."""
    transformer = diffusers.ChromaTransformer2DModel(
        patch_size=1,
        in_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        axes_dims_rope=(4, 4, 8),
        approximator_num_channels=8,
        approximator_hidden_dim=16,
        approximator_layers=1,
    )
    pipe = diffusers.ChromaPipeline(
        transformer=transformer,
        scheduler=dynamic_euler(),
        vae=autoencoder(1),
        text_encoder=t5(),
        tokenizer=tokenizer(),
    )
    return Tiny(pipe, {"height": 16, "width": 16, "guidance_scale": 3.0, "max_sequence_length": 16})


def hidream() -> Tiny:
    """Four text encoders, UniPC by choice, encodings with the rows on their second axis, a mixture of experts."""
    transformer = diffusers.HiDreamImageTransformer2DModel(
        patch_size=8,
        in_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_channels=[32, 16],
        text_emb_dim=64,
        num_routed_experts=2,
        num_activated_experts=2,
        axes_dims_rope=(4, 2, 2),
        max_resolution=(128, 128),
        llama_layers=[0, 1],
    )
    scheduler = diffusers.UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    pipe = diffusers.HiDreamImagePipeline(
        scheduler=scheduler,
        vae=autoencoder(4, attention=False),
        text_encoder=clip(projection=True),
        tokenizer=tokenizer(),
        text_encoder_2=clip(projection=True),
        tokenizer_2=tokenizer(),
        text_encoder_3=t5(),
        tokenizer_3=tokenizer(),
        text_encoder_4=decoder_only("Llama"),
        tokenizer_4=tokenizer(),
        transformer=transformer,
    )
    return Tiny(pipe, {"height": 128, "width": 128, "guidance_scale": 5.0, "max_sequence_length": 16})
