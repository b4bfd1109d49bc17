"""The model answers what the pipeline itself computes, for every family."""

import pytest
import torch

from genrl.errors import ModelError
from genrl.models import DiffusersModel
from tests.models.recording import STEPS, families, forwards
from tests.tiny_pipelines import FAMILIES, PROMPTS, build

#: Families whose own scheduler is Euler; the others step with DPM-Solver++ or UniPC.
EULER = [family for family in FAMILIES if family not in ("sana", "wan", "wan-two-stage", "hidream", "skyreels", "sana-video")]
#: Forwards for two prompts: one more for the negative prompt, and all again where the prompts cannot stand in one batch.
TWO_CALLS = dict.fromkeys(
    (
        *("flux-true-cfg", "qwen", "wan", "wan-two-stage", "cogview4", "lumina2", "chroma", "hunyuan15"),
        *("flux2-klein", "ovis", "hunyuan-image", "skyreels"),
    ),
    2,
)
CALLS = TWO_CALLS | {"kandinsky5": 4, "lumina": 2}

every_family = pytest.mark.parametrize("recorded", families(), indirect=True)


@every_family
@torch.no_grad()
def test_velocity_is_the_pipelines_at_every_step(recorded):
    sigmas = recorded.model.sigmas(STEPS)
    for state, velocity, sigma in zip(recorded.states, recorded.velocities, sigmas, strict=False):
        ours = recorded.model.velocity(state.float(), sigma, recorded.condition)
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, velocity.float(), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("recorded", families(*EULER), indirect=True)
@torch.no_grad()
def test_euler_walk_ends_where_the_pipeline_ends(recorded):
    sigmas = recorded.model.sigmas(STEPS)
    x = recorded.states[0].float()
    for sigma, sigma_next in zip(sigmas, sigmas[1:], strict=False):
        x = x + (sigma_next - sigma) * recorded.model.velocity(x, sigma, recorded.condition)
    torch.testing.assert_close(x, recorded.states[-1].float(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(recorded.model.decode(x), recorded.media.float(), atol=1e-4, rtol=0)


@every_family
@torch.no_grad()
def test_row_of_a_batch_is_a_batch_of_one(recorded):
    x, sigma = recorded.states[1].float(), recorded.model.sigmas(STEPS)[1]
    batch = recorded.model.velocity(x, sigma, recorded.condition)
    for row in range(len(x)):
        alone = recorded.model.velocity(x[row : row + 1], sigma, recorded.condition.rows([row]))
        torch.testing.assert_close(alone[0], batch[row], atol=2e-5, rtol=1e-4)


@every_family
@torch.no_grad()
def test_each_row_may_have_its_own_time(recorded):
    model, x = recorded.model, torch.cat([recorded.states[1].float()] * 2)
    sigmas, condition = model.sigmas(STEPS), recorded.condition.rows([0, 1, 0, 1])
    times = torch.tensor([sigmas[2], sigmas[1], 0.3, sigmas[2]])
    ours = model.velocity(x, times, condition)
    for row, sigma in enumerate(times.tolist()):
        alone = model.velocity(x[row : row + 1], sigma, condition.rows([row]))
        torch.testing.assert_close(ours[row], alone[0], atol=2e-5, rtol=1e-4)
    with pytest.raises(ModelError, match=r"sigma has shape \(2,\); give a number, or one for each of the 4 rows"):
        model.velocity(x, times[:2], condition)


@every_family
@torch.no_grad()
def test_every_row_follows_its_own_prompt(recorded):
    x, sigma = recorded.states[1][:1].float().repeat_interleave(3, dim=0), recorded.model.sigmas(STEPS)[1]
    mixed = recorded.condition.rows([0, 1, 0])
    first, second, third = recorded.model.velocity(x, sigma, mixed)
    torch.testing.assert_close(first, third, atol=2e-5, rtol=1e-4)
    assert (first - second).abs().max() > 1e-4


@every_family
@torch.no_grad()
def test_forwards_of_each_call(recorded, request):
    model, x = recorded.model, recorded.states[1].float()
    calls = CALLS.get(request.node.callspec.params["recorded"], 1)
    with forwards(model) as asked:
        sigma = model.sigmas(STEPS + 1)[1]
        model.latent_shape()
        model.decode(recorded.states[-1].float())
        assert asked == []
        model.velocity(x, sigma, recorded.condition)
        assert len(asked) == calls


@every_family
def test_latents_have_the_shape_that_the_pipeline_prepares(recorded):
    assert recorded.model.latent_shape() == tuple(recorded.states[0].shape[1:])


@every_family
def test_grid_falls_from_about_one_to_zero(recorded):
    sigmas = recorded.model.sigmas(STEPS)
    assert len(sigmas) == STEPS + 1
    assert all(isinstance(sigma, float) for sigma in sigmas)
    assert sigmas[0] == pytest.approx(1.0, abs=1e-3)
    assert sigmas[-1] == 0.0
    assert list(sigmas) == sorted(sigmas, reverse=True)


def asked_timestep(model, x, sigma, condition):
    """The timestep that reaches the network."""
    seen = []
    network = model.networks["transformer"]
    hook = network.register_forward_pre_hook(lambda module, args, kwargs: seen.append(kwargs["timestep"]), with_kwargs=True)
    with torch.no_grad():
        model.velocity(x, sigma, condition)
    hook.remove()
    return float(seen[0].flatten()[0])


@pytest.mark.parametrize(("recorded", "scale"), [("sd3", 1.0), ("wan", 1.0), ("flux", 1e-3)], indirect=["recorded"])
def test_timestep_is_the_schedulers_on_the_grid_and_sigma_off_it(recorded, scale):
    model, x = recorded.model, recorded.states[1].float()
    for sigma, timestep in zip(model.sigmas(STEPS), recorded.timesteps, strict=False):
        asked = asked_timestep(model, x, sigma, recorded.condition)
        assert asked == pytest.approx(float(timestep) * scale, rel=1e-6)
    off_grid = 0.123456
    assert asked_timestep(model, x, off_grid, recorded.condition) == pytest.approx(off_grid * 1000 * scale, rel=1e-6)


def test_second_transformer_answers_below_its_boundary():
    tiny = build("wan-two-stage")
    model = DiffusersModel(tiny.pipe, tiny.call)
    condition, _ = model.encode(PROMPTS)
    x = torch.randn(2, *model.latent_shape())
    with forwards(model) as asked, torch.no_grad():
        model.velocity(x, 0.95, condition)
        model.velocity(x, 0.5, condition)
    assert asked == ["transformer"] * 2 + ["transformer_2"] * 2


@torch.no_grad()
def test_max_rows_splits_the_batch_and_changes_nothing():
    tiny = build("sd3")
    whole, split = DiffusersModel(tiny.pipe, tiny.call), DiffusersModel(tiny.pipe, tiny.call, max_rows=2)
    x = torch.randn(5, *whole.latent_shape())
    texts = [*PROMPTS, "a circle", *PROMPTS]
    (condition, _), _ = whole.encode(texts), split.encode(texts)
    with forwards(split) as asked:
        ours = split.velocity(x, 0.4, condition)
    assert len(asked) == 3
    torch.testing.assert_close(ours, whole.velocity(x, 0.4, condition), atol=2e-5, rtol=1e-4)


def test_half_precision_networks_answer_in_float32():
    tiny = build("flux")
    model = DiffusersModel(tiny.pipe.to(torch.bfloat16), tiny.call)
    condition, _ = model.encode(PROMPTS)
    x = torch.randn(2, *model.latent_shape(), requires_grad=True)
    velocity = model.velocity(x, 0.5, condition)
    assert velocity.dtype == torch.float32
    velocity.square().mean().backward()
    assert x.grad is not None
    assert model.decode(x.detach()).dtype == torch.float32


def test_global_random_numbers_and_the_pipeline_are_left_alone():
    tiny = build("flux")
    kind, scheduler, state = type(tiny.pipe), tiny.pipe.scheduler, torch.get_rng_state()
    model = DiffusersModel(tiny.pipe, tiny.call)
    condition, _ = model.encode(PROMPTS)
    x = torch.zeros(2, *model.latent_shape())
    with torch.no_grad():
        model.velocity(x, model.sigmas(STEPS)[0], condition)
    model.decode(x)
    assert torch.equal(torch.get_rng_state(), state)
    assert type(tiny.pipe) is kind
    assert tiny.pipe.scheduler is scheduler
