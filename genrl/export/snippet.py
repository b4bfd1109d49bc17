"""The lines of Python that draw with exported weights as the run's evaluation did, without genrl where that is possible."""

from __future__ import annotations

import json
from collections.abc import Iterator

from genrl.config import RunConfig
from genrl.export.record import PipelineFacts
from genrl.models.saving import LORA_FILE

DDIM = "DDIMScheduler"
EULER = "FlowMatchEulerDiscreteScheduler"
AUTOCAST = {"bf16": "bfloat16", "fp16": "float16"}
#: Pipelines differ in what they ask of their scheduler; one that ignores it is exact for all.
EVEN_GRID = f'''

class EvenGrid({EULER}):
    """sigma = shift * u / (1 + (shift - 1) * u) at even u = 1 - k / steps, whatever grid the pipeline asks for."""

    def set_timesteps(self, num_inference_steps=None, device=None, sigmas=None, mu=None):
        steps = num_inference_steps or len(sigmas)
        super().set_timesteps(sigmas=[1 - k / steps for k in range(steps)], device=device)

'''


def evaluation_steps(config: RunConfig) -> int:
    """Euler steps of the run's evaluation."""
    return config.evaluation.steps or config.sampling.steps


def snippet(config: RunConfig, pipeline: PipelineFacts, source: str, prompt: str) -> str:
    """A program that draws one picture or video of `prompt`. source: the exported folder, or the id of its repository."""
    return "\n".join([*_imports(config, pipeline), "", *_load(config, pipeline, source), *_draw(config, pipeline, prompt), ""])


def _imports(config: RunConfig, pipeline: PipelineFacts) -> Iterator[str]:
    yield "import torch"
    names = [] if _through_genrl(config, pipeline) else ["DiffusionPipeline"]
    names += [DDIM] if pipeline.diffusion else [EULER] if _even(config, pipeline) else []
    if names:
        yield f"from diffusers import {', '.join(names)}"
    if pipeline.video:
        yield "from diffusers.utils import export_to_gif"
    if _through_genrl(config, pipeline):
        yield "from genrl.config import model_folder"
        yield "from genrl.models import load_lora, load_model"
    if _even(config, pipeline):
        yield EVEN_GRID.rstrip("\n") + "\n"


def _load(config: RunConfig, pipeline: PipelineFacts, source: str) -> Iterator[str]:
    model, weights = config.model, _literal(source)
    base = weights if model.weights == "full" else _literal(model.path)
    yield 'device = "cuda" if torch.cuda.is_available() else "cpu"'
    options = f", revision={_literal(model.revision)}" if model.revision and model.weights == "lora" else ""
    options += ", trust_remote_code=True" if model.trust_remote_code else ""
    if _through_genrl(config, pipeline):
        yield f"model = load_model(model_folder({base}), dtype={_literal(model.dtype)}{options}, device=device)"
        yield f"load_lora(model, {weights})"
        yield "pipe = model.pipe"
    else:
        yield f"pipe = DiffusionPipeline.from_pretrained({base}, dtype=torch.{model.dtype}{options}).to(device)"
    if model.weights == "lora" and pipeline.lora:
        yield f"pipe.load_lora_weights({weights})"
        # `load_lora_weights` knows a pipeline's first network only.
        for name in pipeline.networks[1:]:
            yield f"pipe.{name}.load_lora_adapter({weights}, prefix={_literal(name)}, weight_name={_literal(LORA_FILE)})"
    if pipeline.diffusion:
        yield f"pipe.scheduler = {DDIM}.from_config("
        yield '    pipe.scheduler.config, timestep_spacing="trailing", set_alpha_to_one=True, clip_sample=False'
        yield ")"
    if _even(config, pipeline):
        yield f"pipe.scheduler = EvenGrid(shift={config.sampling.shift})"


def _draw(config: RunConfig, pipeline: PipelineFacts, prompt: str) -> Iterator[str]:
    arguments = {"prompt": prompt, "num_inference_steps": evaluation_steps(config), **config.model.call}
    arguments |= {"output_type": "pil"} if pipeline.video else {}
    lines = [f"    {name}={_literal(value)}," for name, value in arguments.items()]
    lines = ["made = pipe(", *lines, "    generator=torch.Generator().manual_seed(0),", ")"]
    autocast = AUTOCAST.get(config.train.mixed_precision, config.model.dtype)
    if autocast != config.model.dtype:
        lines = [f"with torch.autocast(device, torch.{autocast}):", *(f"    {line}" for line in lines)]
    yield from lines
    yield 'export_to_gif(made.frames[0], "video.gif")' if pipeline.video else 'made.images[0].save("picture.png")'


def _even(config: RunConfig, pipeline: PipelineFacts) -> bool:
    """Whether the grid is the run's; DDIM has none but its own."""
    return config.sampling.shift is not None and not pipeline.diffusion


def _through_genrl(config: RunConfig, pipeline: PipelineFacts) -> bool:
    """Whether it takes genrl to load the weights, because the pipeline has no LoRA loader."""
    return config.model.weights == "lora" and not pipeline.lora


def _literal(value: object) -> str:
    """Python for a plain value, text in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
