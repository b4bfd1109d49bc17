"""Every text-to-image and text-to-video flow pipeline of the installed diffusers, and whether genrl can drive it.

From their classes alone: no weights are loaded and nothing is downloaded.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

from genrl.models.media import makes_video
from genrl.models.structure import obstacle, switches

#: Pipelines that start from more than a text, by diffusers' way of naming them.
FROM_MORE = re.compile(
    "Img2Img|Inpaint|Edit|Control|Fill|Kontext|Redux|Image2?ToVideo|Image2Video|VideoToVideo|VideoToWorld|I2V(?!A)|I2I|Refiner|Upsampl"
    "|Upscale|SuperResolution|Adapter|Layered|WanAnimate|Transfer|Condition|InContext|HDR|Prior|AudioToAudio|TemporalRefine"
)
#: Pipelines whose scheduler is a flow by the configuration they are published with, not by its class.
FLOW_BY_CONFIG = (
    "Cosmos2_5_PredictBasePipeline",
    "Cosmos3OmniPipeline",
    "MotifVideoPipeline",
    "SanaPipeline",
    "SanaVideoPipeline",
    "SkyReelsV2DiffusionForcingPipeline",
    "SkyReelsV2Pipeline",
)


@dataclass(frozen=True)
class Found:
    """One pipeline class.

    makes: "image", "video" or "sound". reason: why it is refused, None if it has the structure. off: arguments of its call
    that are on by default and have to be null.
    """

    name: str
    makes: str
    reason: str | None
    off: tuple[str, ...]


def scan() -> list[Found]:
    """All of them, by name."""
    import diffusers
    from diffusers.utils import DummyObject

    named = [(name, getattr(diffusers, name)) for name in dir(diffusers) if name.endswith("Pipeline")]
    kinds = [(name, kind) for name, kind in named if inspect.isclass(kind) and not isinstance(kind, DummyObject)]
    return [_found(name, kind) for name, kind in sorted(kinds) if _is_text_to_flow(name, kind)]


def _is_text_to_flow(name: str, kind: type) -> bool:
    call = kind.__call__  # type: ignore[operator]
    if FROM_MORE.search(name) or not inspect.isfunction(call):
        return False
    arguments = inspect.signature(call).parameters
    needed = {key for key, p in arguments.items() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD}
    if "prompt" not in arguments or needed - {"self", "prompt"}:
        return False
    return name in FLOW_BY_CONFIG or any("Flow" in scheduler or "Helios" in scheduler for scheduler in _schedulers(kind))


def _found(name: str, kind: type) -> Found:
    arguments = inspect.signature(kind.__call__).parameters  # type: ignore[operator]
    makes = "video" if makes_video(kind) else "image" if "height" in arguments else "sound"
    components = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
    reason = obstacle(kind, tuple(components))
    schedulers = [part for part in _schedulers(kind) if "Flow" in part]
    if reason is None and name not in FLOW_BY_CONFIG and not any("FlowMatch" in part for part in schedulers):
        reason = f"it samples with {schedulers[0]}, which tells the network more than one time"
    return Found(name, makes, reason, tuple(switch for switch in switches(kind) if arguments[switch].default))


def _schedulers(kind: type) -> list[str]:
    """Names of the scheduler classes that the constructor says it takes."""
    parameter: Any = inspect.signature(kind.__init__).parameters.get("scheduler")  # type: ignore[misc]
    return [] if parameter is None else re.findall(r"\w+Scheduler\w*", f"{parameter.annotation}")
