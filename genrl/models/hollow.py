"""A pipeline without weights, from its configs alone: what a model costs is known before it is downloaded.

`hollow_pipeline` puts every module on the meta device. `animate` then gives them torch's fake tensors, which have a shape, a
dtype and no numbers, and which claim to be on the CPU. As nothing else is fake, the pipeline's own `__call__` runs as usual:
tokens, masks, position ids and sigmas are computed, and a network of 12 billion parameters answers at once, with shapes.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
    unset_fake_temporarily,
)
from torch.utils._pytree import tree_map_only

from genrl.errors import ModelError
from genrl.models.requirements import NETWORKS

#: The files of a repository that are read without its weights: configs, and what tokenizers are made of.
CONFIGS = ("*.json", "*.txt", "*.model", "*.jinja")
#: Where the classes of modules are looked up. A component from elsewhere is loaded as it is.
LIBRARIES = ("diffusers", "transformers")
#: Raised by a network whose numbers decide what it computes, such as a mixture of experts.
UNSEEN = (DataDependentOutputException, DynamicOutputShapeException)


def hollow_pipeline(path: str | Path, dtype: torch.dtype, revision: str | None = None) -> Any:
    """The pipeline of a local folder or hub id with all its modules on the meta device; only configs are downloaded."""
    import diffusers

    folder = str(path) if Path(path).exists() else _download(str(path), revision)
    index = diffusers.DiffusionPipeline.load_config(folder)
    kind = _class("diffusers", str(index.get("_class_name")))
    return kind.from_pretrained(folder, **{name: _module(folder, name, part, dtype) for name, part in _modules(index).items()})


def animate(pipe: Any) -> None:
    """Let a hollow pipeline run: its velocities, gradients and pictures then have shapes and dtypes, and no numbers."""
    for name, module in pipe.components.items():
        if isinstance(module, nn.Module):
            # One mode for each module, because a mode remembers every real tensor that it meets.
            mode = _Mode(allow_non_fake_inputs=True)
            fake = partial(_fake, mode=mode, made={})
            for part in module.modules():
                # Weights, buffers, and tensors that are neither, such as the tables of rotary embeddings.
                for tensors in (part._parameters, part._buffers, vars(part)):
                    tensors |= {key: tree_map_only(Tensor, fake, tensor) for key, tensor in tensors.items()}
            if name not in NETWORKS:
                # Pipelines cut, mask and compare encodings, so these have to be numbers.
                module.register_forward_hook(lambda module, inputs, outputs: tree_map_only(FakeTensor, _zeros, outputs))


def _download(path: str, revision: str | None) -> str:
    from huggingface_hub import snapshot_download

    return snapshot_download(path, revision=revision, allow_patterns=list(CONFIGS))


def _modules(index: Mapping[str, Any]) -> dict[str, Any]:
    """The components of a model index that are modules, by name."""
    named = {name: part for name, part in index.items() if isinstance(part, list) and part[0] in LIBRARIES}
    classes = {name: _class(library, kind) for name, (library, kind) in named.items()}
    return {name: kind for name, kind in classes.items() if issubclass(kind, nn.Module)}


def _class(library: str, name: str) -> Any:
    module = importlib.import_module(library)
    if not hasattr(module, name):
        raise ModelError(
            f"{library} {module.__version__} has no class {name!r}, so the model cannot be built from its configs alone; "
            f"update {library}, or load the model with its weights."
        )
    return getattr(module, name)


def _module(folder: str, name: str, kind: Any, dtype: torch.dtype) -> nn.Module:
    from diffusers import ModelMixin

    if issubclass(kind, ModelMixin):
        config = kind.load_config(folder, subfolder=name)
        with init_empty_weights(include_buffers=True):
            module = kind.from_config(config)
    else:
        config = kind.config_class.from_pretrained(folder, subfolder=name)
        with init_empty_weights(include_buffers=True):
            module = kind(config)
    # As in `from_pretrained`, which leaves some layers in float32.
    precise = set(getattr(kind, "_keep_in_fp32_modules", None) or ())
    for path, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.is_floating_point() and not precise & set(path.split(".")):
            tensor.data = tensor.data.to(dtype)
    return module


def _fake(tensor: Tensor, mode: FakeTensorMode, made: dict[int, Tensor]) -> Tensor:
    """The fake of a meta tensor, the same one wherever layers share it; a real one stays as it is."""
    if tensor.device.type != "meta":
        return tensor
    if id(tensor) not in made:
        with mode:
            fake = torch.empty(tensor.shape, dtype=tensor.dtype)
        parameter = isinstance(tensor, nn.Parameter)
        made[id(tensor)] = nn.Parameter(fake, requires_grad=tensor.requires_grad) if parameter else fake
    return made[id(tensor)]


class _Mode(FakeTensorMode):
    """Lets a fake tensor be indexed by a mask that is real: where a mask is true, it is known."""

    def dispatch(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.index.Tensor:
            with unset_fake_temporarily():
                args = (args[0], [place for index in args[1] for place in _places(index)])
        return super().dispatch(func, types, args, kwargs)


def _places(index: Tensor | None) -> Sequence[Tensor | None]:
    """The positions at which a real mask is true, axis by axis; any other index as it is."""
    if index is None or isinstance(index, FakeTensor) or index.dtype != torch.bool:
        return (index,)
    return index.nonzero().unbind(1)


def _zeros(fake: Tensor) -> Tensor:
    return torch.zeros(fake.shape, dtype=fake.dtype)
