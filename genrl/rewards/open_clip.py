"""The weights of an open_clip CLIP under the names that transformers gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

BLOCK = re.compile(r"(visual\.)?transformer\.resblocks\.(\d+)\.(.+)")
IN_BLOCK = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}
OUTSIDE = {
    "logit_scale": "logit_scale",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",  # transformers' own spelling
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
}
#: Matrices that open_clip multiplies from the right, and a linear layer from the left.
TURNED = {"text_projection": "text_projection.weight", "visual.proj": "visual_projection.weight"}


def renamed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """open_clip's state dict of a ViT CLIP -> that of `CLIPModel`; KeyError for a weight that no such model has."""
    return {name: value.contiguous() for old, tensor in weights.items() for name, value in _renamed(old, tensor)}


def _renamed(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    match = BLOCK.fullmatch(name)
    if match is None:
        yield (TURNED[name], tensor.T) if name in TURNED else (OUTSIDE[name], tensor)
        return
    visual, number, rest = match.groups()
    layer = f"{'vision_model' if visual else 'text_model'}.encoder.layers.{number}"
    if rest.startswith("attn.in_proj_"):
        kind = rest.removeprefix("attn.in_proj_")
        for letter, part in zip("qkv", tensor.chunk(3), strict=True):
            yield f"{layer}.self_attn.{letter}_proj.{kind}", part
    else:
        module, kind = rest.rsplit(".", 1)
        yield f"{layer}.{IN_BLOCK[module]}.{kind}", tensor
