"""What a pipeline and its call arguments must be for genrl to train it; everything else is refused with the reason."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from genrl.errors import ConfigError, ModelError
from genrl.registry import suggestion

#: Components that can be trained, in the order in which diffusers names them.
NETWORKS = ("transformer", "transformer_2", "unet")

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
    "skip_guidance_layers": "it depends on the number of the step, which one velocity does not have",
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
    _check_flow(kind, pipe.scheduler)


def _check_flow(kind: str, scheduler: Any) -> None:
    name, config = type(scheduler).__name__, scheduler.config
    is_flow = "FlowMatch" in name or config.get("use_flow_sigmas") or config.get("prediction_type") == "flow_prediction"
    if not is_flow:
        raise ModelError(
            f"{kind} samples with {name}, whose network predicts {config.get('prediction_type', 'noise')!r}: it is a "
            "diffusion model, not a flow with velocity eps - x0. Choose a flow model such as SD3, FLUX, Qwen-Image or Wan."
        )
    if config.get("invert_sigmas"):
        raise ModelError(
            f"{kind} runs its time from data to noise (invert_sigmas=True in its scheduler), and genrl's runs from noise "
            "to data. Choose a flow model such as SD3, FLUX, Qwen-Image or Wan."
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
