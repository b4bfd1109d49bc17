"""What a pipeline and its call arguments must be for genrl to train it; everything else is refused with the reason."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from genrl.errors import ConfigError, ModelError
from genrl.models.conversion import conversion_of
from genrl.models.structure import BY_STEP, NETWORKS, STEPWISE, obstacle, switches
from genrl.registry import suggestion

#: Arguments of a pipeline's `__call__` that are not the user's to set, with the reason.
RESERVED = {
    "prompt": "prompts come from the prompt source (--prompts)",
    "latents": "the initial noise is the perturber's",
    "generator": "the initial noise is the perturber's",
    "num_inference_steps": "the number of steps is sampling.steps",
    "timesteps": "the grid is the model's own, or sampling.shift",
    "sigmas": "the grid is the model's own, or sampling.shift",
    "eta": "noise enters through the solver",
    "num_images_per_prompt": "the number of pictures for each prompt is sampling.group_size",
    "num_videos_per_prompt": "the number of videos for each prompt is sampling.group_size",
    "output_type": "pictures are decoded for the rewards",
    "return_dict": "pictures are decoded for the rewards",
    "callback_on_step_end": "the steps are genrl's, so there is nothing to call back from",
    "callback_on_step_end_tensor_inputs": "the steps are genrl's, so there is nothing to call back from",
    "denoising_end": "the grid is the model's own, or sampling.shift",
} | dict.fromkeys(STEPWISE, BY_STEP)


def trainable(pipe: Any) -> list[str]:
    """Names of the pipeline's components that can be trained."""
    components = pipe.components
    return [name for name in NETWORKS if isinstance(components.get(name), nn.Module)]


def check_pipeline(pipe: Any) -> None:
    """Raise ModelError unless this is a flow pipeline of the structure that `driver.py` needs."""
    components = [name for name in pipe.components if name not in NETWORKS] + trainable(pipe)
    reason = obstacle(type(pipe), components) or _next_time(pipe)
    if reason is not None:
        raise ModelError(
            f"{type(pipe).__name__} cannot be driven: {reason}. Choose a text-to-image or text-to-video pipeline of diffusers."
        )
    conversion_of(pipe)
    _check_guider(pipe)


def _next_time(pipe: Any) -> str | None:
    names = [name for name in trainable(pipe) if getattr(pipe, name).config.get("use_meanflow")]
    return f"its {names[0]} is also told the next timestep (use_meanflow), which one velocity does not have" if names else None


def _check_guider(pipe: Any) -> None:
    """A guider is told the number of the step, which one velocity does not have."""
    for component, guider in pipe.components.items():
        if not component.endswith("guider") or guider is None:
            continue
        name, span = type(guider).__name__, (guider.config.get("start"), guider.config.get("stop"))
        if name != "ClassifierFreeGuidance" or span != (0.0, 1.0):
            raise ModelError(
                f"{type(pipe).__name__} guides with {name} from {span[0]} to {span[1]} of its steps, which depends on the "
                f"number of the step or on the steps before it. Set its {component} to ClassifierFreeGuidance with start=0.0 "
                "and stop=1.0."
            )


def check_call(pipe: Any, call: Mapping[str, Any]) -> None:
    """Raise ConfigError for call arguments that the pipeline does not have or that are not the user's to set."""
    reserved = RESERVED.keys() - {name for name in STEPWISE if call.get(name, ...) is None}
    known = inspect.signature(type(pipe).__call__).parameters.keys() - {"self", *reserved}
    known = {name for name in known if not _is_encoding(name)}
    _check_switches(pipe, call)
    for name, value in call.items():
        if name in reserved:
            raise ConfigError(f"model.call.{name} cannot be set: {RESERVED[name]}.")
        if _is_encoding(name) or isinstance(value, Tensor):
            raise ConfigError(f"model.call.{name} cannot be set: prompts are encoded and kept text by text.")
        if name not in known:
            raise ConfigError(f"{type(pipe).__name__} has no call argument {name!r}{suggestion(name, known)}")
        if name.startswith("negative_prompt") and not isinstance(value, (str, type(None))):
            raise ConfigError(f"model.call.{name} must be one text, used for every row, not {type(value).__name__}.")


def _check_switches(pipe: Any, call: Mapping[str, Any]) -> None:
    defaults = inspect.signature(type(pipe).__call__).parameters
    for name, reason in switches(type(pipe)).items():
        if call.get(name, defaults[name].default):
            raise ConfigError(f"{type(pipe).__name__} is trained with model.call.{name}=null: {reason}.")


def _is_encoding(name: str) -> bool:
    return name.endswith(("_embeds", "_embeds_mask", "_attention_mask"))
