"""From a folder or hub id to a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from genrl.errors import ConfigError, ModelError
from genrl.models.hollow import hollow_pipeline
from genrl.models.pipeline import DiffusersModel
from genrl.models.requirements import trainable
from genrl.registry import suggestion

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def load_model(
    path: str | Path,
    *,
    call: Mapping[str, Any] = MappingProxyType({}),
    dtype: str = "float32",
    device: str | torch.device = "cpu",
    revision: str | None = None,
    trust_remote_code: bool = False,
    max_rows: int | None = None,
    decode_rows: int | None = None,
    offload: bool = False,
    encodings: Path | None = None,
) -> DiffusersModel:
    """Load a diffusers flow pipeline from a local folder or from the hub, safetensors only.

    On the device "meta" no weights are read or downloaded, only configs: see `hollow.py`.

    Raises ModelError for a missing or incomplete folder, an unknown hub id, or a pipeline that is no flow; ConfigError
    for a `call` argument that the pipeline does not have. The other arguments are those of `DiffusersModel`.
    """
    if dtype not in DTYPES:
        raise ConfigError(f"There is no dtype {dtype!r}{suggestion(dtype, DTYPES)}")
    _check_path(Path(path).expanduser())
    from diffusers import DiffusionPipeline

    source = str(Path(path).expanduser()) if Path(path).expanduser().exists() else str(path)
    hollow = torch.device(device).type == "meta"
    try:
        if hollow:
            pipe = hollow_pipeline(source, DTYPES[dtype], revision)
        else:
            pipe = DiffusionPipeline.from_pretrained(
                source,
                dtype=DTYPES[dtype],
                use_safetensors=True,
                revision=revision,
                trust_remote_code=trust_remote_code,
            )
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The model {str(path)!r} does not load: {error} Give the folder of a diffusers pipeline with safetensors "
            "weights, or a hub id that this machine can reach and may read."
        ) from error
    if hollow:
        # Nothing is on any device, so nothing can leave it.
        return DiffusersModel(pipe, call, max_rows, decode_rows)
    for part in [getattr(pipe, name) for name in trainable(pipe)] if offload else [pipe]:
        part.to(device)
    return DiffusersModel(pipe, call, max_rows, decode_rows, offload, encodings)


def silence_bars() -> None:
    """The libraries' bars for reading and writing shards say nothing about a model of 5 MB."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()


def _check_path(path: Path) -> None:
    """Refuse, before anything heavy is done, what cannot be a pipeline."""
    if path.exists():
        if not (path / "model_index.json").is_file():
            raise ModelError(
                f"{path} has no model_index.json, so it is not the folder of a diffusers pipeline; give the folder that "
                "`pipe.save_pretrained(folder)` wrote."
            )
    elif not _HUB_ID.fullmatch(str(path)):
        raise ModelError(
            f"There is no model folder {path}; give an existing folder, a hub id such as owner/name, or 'scenes' for the "
            "model that comes with genrl."
        )
