"""Tiny diffusers pipelines with random weights, built from configs alone: no download, a few thousand parameters each.

`build(family)` gives a fresh pipeline of that family, the same weights every time, and the call arguments that suit it.
All are complete: tokenizers and text encoders included, so that `encode_prompt` runs as in a real model.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from tests.models.tiny_diffusion import sd15, sdxl
from tests.models.tiny_images import flux, flux2, flux_true_cfg, prx, qwen, sana, sd3, z_image
from tests.models.tiny_other_images import aura_flow, chroma, cogview4, hidream, lumina2
from tests.models.tiny_parts import Tiny
from tests.models.tiny_siblings import bria, flux2_klein, hunyuan_image, lumina, ovis, sana_video, skyreels
from tests.models.tiny_videos import hunyuan, hunyuan15, kandinsky5, ltx, mochi, wan, wan_two_stage

PROMPTS = ["a red cat", "the blue dog beside a green star and a circle"]


def build(family: str) -> Tiny:
    """A fresh tiny pipeline; the global generator is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tiny = FAMILIES[family]()
        for name in ("transformer", "transformer_2", "unet"):
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
    "aura-flow": aura_flow,
    "cogview4": cogview4,
    "lumina2": lumina2,
    "chroma": chroma,
    "hidream": hidream,
    "hunyuan15": hunyuan15,
    "kandinsky5": kandinsky5,
    "mochi": mochi,
    "flux2-klein": flux2_klein,
    "ovis": ovis,
    "bria": bria,
    "lumina": lumina,
    "hunyuan-image": hunyuan_image,
    "skyreels": skyreels,
    "sana-video": sana_video,
    "sd15": sd15,
    "sdxl": sdxl,
}
