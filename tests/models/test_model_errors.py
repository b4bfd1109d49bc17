"""What cannot work is refused with the reason and the cure."""

import copy
import time

import pytest
import torch
from diffusers import (
    AdaptiveProjectedGuidance,
    ClassifierFreeGuidance,
    DDIMScheduler,
    EDMEulerScheduler,
    FlowMapEulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    LCMScheduler,
)

from genrl.errors import ConfigError, ModelError
from genrl.models import DiffusersModel, load_model
from genrl.models.scheduler_proxy import SchedulerProxy
from tests.tiny_pipelines import PROMPTS, build


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"guidence_scale": 2.0}, r"FluxPipeline has no call argument 'guidence_scale'; did you mean 'guidance_scale'\?"),
        ({"prompt": "a cat"}, "prompts come from the prompt source"),
        ({"latents": None}, "the initial noise is the perturber's"),
        ({"num_inference_steps": 4}, r"the number of steps is sampling\.steps"),
        ({"sigmas": [1.0, 0.5]}, r"the model's own, or sampling\.shift"),
        ({"generator": None}, "the initial noise is the perturber's"),
        ({"output_type": "pil"}, "pictures are decoded for the rewards"),
        ({"num_images_per_prompt": 4}, r"sampling\.group_size"),
        ({"prompt_embeds": None}, "prompts are encoded and kept text by text"),
        ({"cfg_trunc_ratio": 0.5}, "it depends on the number of the step"),
        ({"cfg_trunc_ratio": None}, "FluxPipeline has no call argument 'cfg_trunc_ratio'"),
        ({"negative_prompt": ["", ""]}, "must be one text, used for every row, not list"),
    ],
)
def test_call_arguments_are_checked(call, message):
    tiny = build("flux")
    with pytest.raises(ConfigError, match=message):
        DiffusersModel(tiny.pipe, tiny.call | call)


@pytest.mark.parametrize("path", ["/no/such/folder", "./nothing-here", "../a/b/c", "nowhere"])
def test_missing_folder_is_refused_at_once(path):
    start = time.process_time()
    with pytest.raises(ModelError, match="There is no model folder .* give an existing folder, a hub id"):
        load_model(path)
    assert time.process_time() - start < 0.1


def test_folder_that_is_no_pipeline_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"has no model_index\.json"):
        load_model(tmp_path)


def test_folder_without_safetensors_is_refused(tmp_path):
    build("prx").pipe.save_pretrained(tmp_path, safe_serialization=False)
    with pytest.raises(ModelError, match="with safetensors weights"):
        load_model(tmp_path)


def test_unknown_dtype_is_refused():
    with pytest.raises(ConfigError, match=r"no dtype 'bfloat'; did you mean 'bfloat16'\?"):
        load_model("nowhere", dtype="bfloat")


def test_model_that_is_neither_flow_nor_diffusion_is_refused():
    tiny = build("sd3")
    for scheduler in (EDMEulerScheduler(), LCMScheduler(), FlowMapEulerDiscreteScheduler()):
        tiny.pipe.scheduler = scheduler
        with pytest.raises(ModelError, match=f"samples with {type(scheduler).__name__}, which is neither a flow"):
            DiffusersModel(tiny.pipe, tiny.call)


@pytest.mark.parametrize(
    "guider", [ClassifierFreeGuidance(start=0.1), ClassifierFreeGuidance(stop=0.8), AdaptiveProjectedGuidance()]
)
def test_guidance_by_the_number_of_the_step_is_refused(guider):
    tiny = build("hunyuan15")
    tiny.pipe.guider = guider
    with pytest.raises(ModelError, match=r"depends on the number of the step.* Set its guider to ClassifierFreeGuidance"):
        DiffusersModel(tiny.pipe, tiny.call)
    tiny = build("lumina2")
    with pytest.raises(ConfigError, match="cfg_trunc_ratio cannot be set: it depends on the number of the step"):
        DiffusersModel(tiny.pipe, tiny.call | {"cfg_trunc_ratio": 0.5})


def test_grid_of_another_length_is_refused_with_a_cure():
    tiny = build("sd3")
    tiny.pipe.scheduler = FlowMatchHeunDiscreteScheduler()
    model = DiffusersModel(tiny.pipe, tiny.call)
    with pytest.raises(ModelError, match="Set the scheduler of the pipeline to FlowMatchEulerDiscreteScheduler"):
        model.sigmas(4)


def test_pipeline_without_the_needed_structure_is_refused():
    from diffusers import DDPMPipeline, UNet2DModel

    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(32,),
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
        layers_per_block=1,
    )
    with pytest.raises(ModelError, match="DDPMPipeline cannot be driven: it lacks encode_prompt, prepare_latents"):
        DiffusersModel(DDPMPipeline(unet, DDIMScheduler()))


def test_network_that_is_told_the_next_timestep_is_refused():
    tiny = build("hunyuan-image")
    tiny.pipe.transformer.register_to_config(use_meanflow=True)
    with pytest.raises(ModelError, match="its transformer is also told the next timestep"):
        DiffusersModel(tiny.pipe, tiny.call)


def test_noise_of_another_scale_is_refused():
    tiny = build("prx")
    tiny.pipe.register_to_config(noise_scale=2.0)
    with pytest.raises(ModelError, match="starts from noise of standard deviation"):
        DiffusersModel(tiny.pipe, tiny.call).latent_shape()


def test_latents_of_the_wrong_shape_are_refused():
    tiny = build("flux")
    model = DiffusersModel(tiny.pipe, tiny.call)
    condition, _ = model.encode(PROMPTS)
    with pytest.raises(ModelError, match=r"draw noise of shape model\.latent_shape\(\)"):
        model.velocity(torch.randn(2, 1, 16, 16), 0.5, condition)


def test_pipelines_that_denoise_several_things_at_once_are_refused():
    with pytest.raises(ModelError, match="denoises several things at once"):
        copy.deepcopy(SchedulerProxy(FlowMatchEulerDiscreteScheduler()))
