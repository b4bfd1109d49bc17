"""What a pipeline and its call arguments must be for genrl to train it; everything else is refused with the reason."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from genrl.errors import ConfigError, ModelError
from genrl.models.conversion import conversion_of
from genrl.registry import suggestion

#: Components that can be trained, in the order in which diffusers names them.
NETWORKS = ("transformer", "transformer_2", "unet")

BY_STEP = "it depends on the number of the step, which one velocity does not have"
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
    "skip_guidance_layers": BY_STEP,
    "cfg_trunc_ratio": BY_STEP,
    "guidance_schedule": BY_STEP,
    "denoising_end": "the grid is the model's own, or sampling.shift",
}
#: Arguments of `__call__` that genrl itself passes.
PASSED = ("prompt", "num_inference_steps", "generator", "output_type", "return_dict")


def trainable(pipe: Any) -> list[str]:
    """Names of the pipeline's components that can be trained."""
    components = pipe.components
    return [name for name in NETWORKS if isinstance(components.get(name), nn.Module)]


def check_pipeline(pipe: Any) -> None:
    """Raise ModelError unless this is a flow pipeline of the structure that `driver.py` needs."""
    kind = type(pipe).__name__
    call = type(pipe).__call__
    lacking = [part for part in ("encode_prompt", "prepare_latents") if not callable(getattr(type(pipe), part, None))]
    lacking += [f"{name} (argument)" for name in PASSED if name not in inspect.signature(call).parameters]
    lacking += [] if trainable(pipe) else ["transformer or unet (component)"]
    lacking += [] if pipe.components.get("scheduler") is not None else ["scheduler (component)"]
    if lacking or not inspect.isfunction(getattr(call, "__wrapped__", None)):
        raise ModelError(
            f"{kind} cannot be driven: it lacks {', '.join(lacking) or 'a __call__ under torch.no_grad()'}. "
            "Choose a text-to-image or text-to-video pipeline of diffusers."
        )
    conversion_of(pipe)
    _check_guider(pipe)


def _check_guider(pipe: Any) -> None:
    """A guider is told the number of the step, which one velocity does not have."""
    guider = pipe.components.get("guider")
    if guider is None:
        return
    name, span = type(guider).__name__, (guider.config.get("start"), guider.config.get("stop"))
    if name != "ClassifierFreeGuidance" or span != (0.0, 1.0):
        raise ModelError(
            f"{type(pipe).__name__} guides with {name} from {span[0]} to {span[1]} of its steps, which depends on the number "
            "of the step or on the steps before it. Set its guider to ClassifierFreeGuidance with start=0.0 and stop=1.0."
        )


def check_call(pipe: Any, call: Mapping[str, Any]) -> None:
    """Raise ConfigError for call arguments that the pipeline does not have or that are not the user's to set."""
    known = set(inspect.signature(type(pipe).__call__).parameters) - {"self", *RESERVED}
    known = {name for name in known if not _is_encoding(name)}
    for name, value in call.items():
        if name in RESERVED:
            raise ConfigError(f"model.call.{name} cannot be set: {RESERVED[name]}.")
        if _is_encoding(name) or isinstance(value, Tensor):
            raise ConfigError(f"model.call.{name} cannot be set: prompts are encoded and kept text by text.")
        if name not in known:
            raise ConfigError(f"{type(pipe).__name__} has no call argument {name!r}{suggestion(name, known)}")
        if name.startswith("negative_prompt") and not isinstance(value, (str, type(None))):
            raise ConfigError(f"model.call.{name} must be one text, used for every row, not {type(value).__name__}.")


def _is_encoding(name: str) -> bool:
    return name.endswith(("_embeds", "_embeds_mask", "_attention_mask"))
