"""Models from before flows answer as flows: their DDIM step is an Euler step."""

import diffusers
import pytest
import torch

from genrl.models import DiffusersModel, add_lora
from genrl.models.conversion import Diffusion, ReversedFlow
from tests.models.tiny_diffusion import scheduler
from tests.tiny_pipelines import PROMPTS, build

#: A divisor of 1000: with "trailing" spacing, DDIM's step does not lead to its next timestep otherwise.
STEPS = 8


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction", "sample"])
def test_step_of_ddim_is_a_step_of_euler(predicts):
    """From any state and for any output of the network, in double precision."""
    ddim = scheduler(prediction_type=predicts)
    ddim.set_timesteps(STEPS)
    ddim.alphas_cumprod = ddim.alphas_cumprod.double()
    flow = Diffusion(ddim)
    sigmas, timesteps = flow.grid(ddim, STEPS)
    assert timesteps.tolist() == ddim.timesteps.tolist()
    assert sigmas[0] == 1.0
    assert sigmas[-1] == 0.0
    for sigma, sigma_next, t in zip(sigmas, sigmas[1:], ddim.timesteps, strict=False):
        x, output = torch.randn(2, 2, 3, 4, 4, dtype=torch.float64)
        latents = flow.inward(x, sigma)
        euler = x + (sigma_next - sigma) * flow.outward(output, latents, sigma)
        expected = ddim.step(output, t, latents).prev_sample
        # `outward` answers in float32, where a division by the smallest alpha is left.
        torch.testing.assert_close(flow.inward(euler, sigma_next), expected, atol=1e-5, rtol=1e-5)


def test_noise_comes_in_as_it_is_and_data_go_out_as_they_are():
    flow = Diffusion(scheduler())
    x = torch.randn(2, 3)
    for sigma in (0.0, 1.0):
        torch.testing.assert_close(flow.inward(x, sigma), x, atol=0, rtol=1e-12)


def test_time_between_two_timesteps_has_the_ratio_of_its_sigma():
    ddim = scheduler()
    flow = Diffusion(ddim)
    sigmas, _ = flow.grid(ddim, 1000)
    times = [flow.timestep(sigma) for sigma in sigmas[:-1]]
    assert times == pytest.approx(list(range(999, -1, -1)), abs=1e-6)
    between = [flow.timestep((a + b) / 2) for a, b in zip(sigmas[:-2], sigmas[1:-1], strict=True)]
    assert all(low < time < high for low, time, high in zip(times[1:], between, times, strict=False))
    x0, eps, sigma = 1.3, -0.4, 0.6
    level = flow._level(sigma)
    end = ddim.alphas_cumprod[-1].sqrt() * x0 + (1 - ddim.alphas_cumprod[-1]).sqrt() * eps
    x = torch.tensor([(1 - sigma) * x0 + sigma * end], dtype=torch.float64)
    assert float(flow.inward(x, sigma)) == pytest.approx(level.alpha * x0 + level.noise * eps, abs=1e-6)
    assert level.alpha**2 + level.noise**2 == pytest.approx(1.0)


@pytest.mark.parametrize(
    "kind", [diffusers.PNDMScheduler, diffusers.EulerDiscreteScheduler, diffusers.DPMSolverMultistepScheduler]
)
@torch.no_grad()
def test_scheduler_of_the_pipeline_changes_nothing_but_its_noise_levels(kind):
    answers = []
    for own in (None, kind):
        tiny = build("sd15")
        if own is not None:
            tiny.pipe.scheduler = own.from_config(tiny.pipe.scheduler.config, timestep_spacing="leading")
        model = DiffusersModel(tiny.pipe, tiny.call)
        condition, _ = model.encode(PROMPTS)
        x = torch.randn(2, *model.latent_shape(), generator=torch.Generator().manual_seed(0))
        answers.append((model.sigmas(STEPS), model.velocity(x, 0.7, condition), model.decode(x)))
    assert answers[0][0] == pytest.approx(answers[1][0], abs=1e-12)
    assert all(torch.equal(a, b) for a, b in zip(answers[0][1:], answers[1][1:], strict=True))


def test_middle_of_a_unet_gets_adapters():
    tiny = build("sd15")
    add_lora(DiffusersModel(tiny.pipe, tiny.call), rank=2, alpha=4)
    adapted = {name.split(".")[0] for name, p in tiny.pipe.unet.named_parameters() if p.requires_grad}
    assert adapted == {"down_blocks", "mid_block", "up_blocks"}
    assert not any("time_emb" in name for name, p in tiny.pipe.unet.named_parameters() if p.requires_grad)


def test_reversed_time_is_turned_round():
    own = diffusers.FlowMatchEulerDiscreteScheduler(invert_sigmas=True)
    own.set_timesteps(sigmas=[1.0, 0.75, 0.5])
    sigmas, timesteps = ReversedFlow(own).grid(own, 3)
    assert sigmas == pytest.approx((1.0, 0.75, 0.5, 0.0))
    assert [ReversedFlow(own).timestep(sigma) for sigma in sigmas[:-1]] == pytest.approx(timesteps.tolist())
    assert float(ReversedFlow(own).outward(torch.tensor(2.0), torch.tensor(0.0), 0.5)) == -2.0
