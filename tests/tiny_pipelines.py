"""Tiny diffusers pipelines with random weights, built from configs alone: no download, a few thousand parameters each.

`build(family)` gives a fresh pipeline of that family, the same weights every time, and the call arguments that suit it.
All are complete: tokenizers and text encoders included, so that `encode_prompt` runs as in a real model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import diffusers
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = [
    "a",
    "the",
    "of",
    "on",
    "with",
    "and",
    "beside",
    "photo",
    "video",
    "picture",
    "red",
    "blue",
    "green",
    "cat",
    "dog",
    "circle",
    "square",
    "star",
]
SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]
VOCABULARY = 64
CHAT_TEMPLATE = (
    "{% for m in messages %}{% if m.content is string %}{{ m.content }}"
    "{% else %}{% for part in m.content %}{{ part.text }} {% endfor %}{% endif %}{% endfor %}"
)

PROMPTS = ["a red cat", "the blue dog beside a green star and a circle"]


@dataclass(frozen=True)
class Tiny:
    pipe: Any
    call: dict[str, Any] = field(default_factory=dict)

    def arguments(self, rows: int) -> dict[str, Any]:
        """The call arguments as the pipeline itself wants them for a batch: one negative prompt for each row."""
        return {k: [v] * rows if k == "negative_prompt" else v for k, v in self.call.items()}


def build(family: str) -> Tiny:
    """A fresh tiny pipeline; the global generator is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tiny = FAMILIES[family]()
        for name in ("transformer", "transformer_2"):
            if tiny.pipe.components.get(name) is not None:
                _wake(tiny.pipe.components[name])
    for component in tiny.pipe.components.values():
        if isinstance(component, torch.nn.Module):
            component.eval()
    tiny.pipe.set_progress_bar_config(disable=True)
    return tiny


def _wake(network: torch.nn.Module) -> None:
    """Give values to what is initialised to zero (adaptive norms, gates): it would hide what comes before it."""
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)


def tokenizer() -> transformers.PreTrainedTokenizerFast:
    """Word level; unknown words are <unk>, so any text has a length."""
    words = {word: index for index, word in enumerate(SPECIAL + WORDS)}
    raw = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", words["<s>"]), ("</s>", words["</s>"])]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=77,
        padding_side="right",
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


def autoencoder(channels: int) -> diffusers.AutoencoderKL:
    """An image VAE that does not change the resolution."""
    return diffusers.AutoencoderKL(
        sample_size=32,
        block_out_channels=(4,),
        layers_per_block=1,
        latent_channels=channels,
        norm_num_groups=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.0609,
        scaling_factor=1.5035,
    )


def dynamic_euler(**config: Any) -> diffusers.FlowMatchEulerDiscreteScheduler:
    return diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, **config)


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


FAMILIES: dict[str, Callable[[], Tiny]] = {
    "prx": prx,
    "sd3": sd3,
    "flux": flux,
    "flux-true-cfg": flux_true_cfg,
    "flux2": flux2,
    "qwen": qwen,
    "z-image": z_image,
    "sana": sana,
    "wan": wan,
    "wan-two-stage": wan_two_stage,
    "hunyuan": hunyuan,
    "ltx": ltx,
}
