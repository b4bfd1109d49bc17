"""A pipeline that stays open for a walk answers what fresh runs answer, to the last bit."""

import gc
import warnings
from contextlib import nullcontext

import pytest
import torch
from greenlet import greenlet

from genrl.models import DiffusersModel, add_lora
from genrl.models.driver import Driver
from genrl.policy import WeightedPolicy
from genrl.rollout import walk
from genrl.schedule import shift_grid
from genrl.solvers import Heun
from genrl.types import Prompt, Sampling, StepPlan
from tests.models.recording import STEPS, UNEVEN, families, forwards
from tests.tiny_pipelines import PROMPTS, build

every_family = pytest.mark.parametrize("recorded", families(), indirect=True)


@pytest.fixture
def runs(monkeypatch):
    """The number of timesteps of each run of a pipeline in which the network is asked."""
    seen = []
    run = Driver.run

    def counting(self, texts, latents=None, moment=None, *args, **kwargs):
        seen.extend([len(moment.timesteps)] if moment is not None else [])
        return run(self, texts, latents, moment, *args, **kwargs)

    monkeypatch.setattr(Driver, "run", counting)
    return seen


def fresh(family, **options):
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call, **options)
    condition, _ = model.encode([*PROMPTS, PROMPTS[0]])
    x = torch.randn(3, *model.latent_shape(), generator=torch.Generator().manual_seed(5))
    return model, condition, x


@torch.no_grad()
def ends(velocity, x, sigmas):
    """The states of an Euler walk and the velocities at them."""
    states, velocities = [x], []
    for sigma, sigma_next in zip(sigmas, sigmas[1:], strict=False):
        velocities.append(velocity(states[-1], sigma))
        states.append(states[-1] + (sigma_next - sigma) * velocities[-1])
    return states, velocities


def solved(model, condition, x, sigmas):
    with model.solve(condition, sigmas) as velocity:
        return ends(velocity, x, sigmas)


def equal(ours, theirs):
    return all(map(torch.equal, ours, theirs)) and len(ours) == len(theirs)


@every_family
def test_walk_in_one_run_equals_single_questions(recorded, runs, request):
    model, x, sigmas = recorded.model, recorded.states[0].float(), recorded.model.sigmas(STEPS)
    states, velocities = ends(lambda x, s: model.velocity(x, s, recorded.condition), x, sigmas)
    kept = [state.clone() for state in states]
    for attempt in range(2):  # the first walk is compared with fresh runs as well
        del runs[:]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", message="In CPU autocast")  # Mochi's own
            ours, answers = solved(model, recorded.condition, x, sigmas)
        batches = len(PROMPTS) if request.node.callspec.params["recorded"] in UNEVEN else 1
        assert runs == [STEPS] * batches if attempt else sorted(runs) == [1] * STEPS * batches + [STEPS] * batches
        assert equal(ours, states)
        assert equal(answers, velocities)
    assert equal(states, kept)


@every_family
def test_walk_asks_the_network_as_often_as_single_questions(recorded):
    model, x, sigmas = recorded.model, recorded.states[0].float(), recorded.model.sigmas(STEPS)
    with forwards(model) as single:
        ends(lambda x, s: model.velocity(x, s, recorded.condition), x, sigmas)
    with forwards(model) as session:
        solved(model, recorded.condition, x, sigmas)
    assert session == single
    assert len(session) >= STEPS


@torch.no_grad()
def test_heun_asks_between_the_steps_and_counts_stay(runs):
    model, _, x = fresh("sd3")
    sigmas = model.sigmas(STEPS)
    plan = StepPlan(sigmas, (False,) * STEPS, torch.arange(STEPS))
    prompts = [Prompt(PROMPTS[0])]

    def rollout(policy):
        return walk(policy, prompts, x, Heun(), plan, Sampling(), [])[0]

    class Single(WeightedPolicy):
        def solve(self, condition, sigmas):
            return nullcontext(lambda x, sigma: self.velocity(x, sigma, condition))

    policies = WeightedPolicy(model), Single(model)
    rollout(policies[0])
    del runs[:]
    group, reference = (rollout(policy) for policy in policies)
    assert runs.count(STEPS) == 1
    assert torch.equal(group.final, reference.final)
    assert all(torch.equal(group.kept[t].velocity, reference.kept[t].velocity) for t in range(STEPS))
    asked = (2 * STEPS - 1) * len(x)  # the last step has no second question
    assert policies[1].counts["forwards"] == asked
    assert policies[0].counts["forwards"] == 2 * asked


@pytest.mark.parametrize("family", ["sd3", "wan"])
def test_walk_off_the_models_grid(family):
    model, condition, x = fresh(family)
    model.sigmas(STEPS)
    sigmas = shift_grid(STEPS, 2.0)
    states, _ = ends(lambda x, s: model.velocity(x, s, condition), x, sigmas)
    for _ in range(2):
        assert equal(solved(model, condition, x, sigmas)[0], states)


def test_question_with_gradient_is_a_run_of_its_own():
    model, condition, x = fresh("sd3")
    add_lora(model, rank=2, alpha=4)
    sigmas = model.sigmas(STEPS)
    states, velocities = ends(lambda x, s: model.velocity(x, s, condition), x, sigmas)
    with model.solve(condition, sigmas) as velocity:
        learnt = velocity(x, sigmas[0])
        learnt.square().sum().backward()
        assert equal(ends(velocity, x, sigmas)[0], states)
    assert torch.equal(learnt.detach(), velocities[0])
    trained = [parameter for parameter in model.networks["transformer"].parameters() if parameter.requires_grad]
    assert any(parameter.grad.any() for parameter in trained)


@torch.no_grad()
def test_autocast_is_the_callers_at_each_step():
    model, condition, x = fresh("sd3")
    sigmas = model.sigmas(STEPS)
    with torch.autocast("cpu", torch.bfloat16):
        states, _ = ends(lambda x, s: model.velocity(x, s, condition), x, sigmas)
        for _ in range(2):
            assert equal(solved(model, condition, x, sigmas)[0], states)
    assert not equal(solved(model, condition, x, sigmas)[0], states)


def test_batches_above_max_rows_have_a_run_for_each_part(runs):
    model, condition, x = fresh("sd3", max_rows=2)
    sigmas = model.sigmas(STEPS)
    states, _ = ends(lambda x, s: model.velocity(x, s, condition), x, sigmas)
    solved(model, condition, x, sigmas)
    del runs[:]
    assert equal(solved(model, condition, x, sigmas)[0], states)
    assert runs == [STEPS, STEPS]


@torch.no_grad()
def test_error_in_a_step_leaves_nothing_open():
    model, condition, x = fresh("flux-true-cfg")
    sigmas = model.sigmas(STEPS)
    states, _ = ends(lambda x, s: model.velocity(x, s, condition), x, sigmas)
    calls = []

    def fail(module, args):
        calls.append(module)
        if len(calls) == 4:
            raise KeyboardInterrupt

    hook = model.networks["transformer"].register_forward_pre_hook(fail)
    with pytest.raises(KeyboardInterrupt), model.solve(condition, sigmas) as velocity:
        ends(velocity, x, sigmas)
    hook.remove()
    with pytest.raises(ZeroDivisionError), model.solve(condition, sigmas) as velocity:
        velocity(x, sigmas[0])
        raise ZeroDivisionError
    assert equal(solved(model, condition, x, sigmas)[0], states)
    gc.collect()
    assert not [found for found in gc.get_objects() if isinstance(found, greenlet) and found.gr_frame is not None]


def test_pipeline_that_looks_at_the_number_of_steps_is_run_anew_at_each(runs):
    tiny = build("sd3")
    own = type(tiny.pipe)
    # Guidance that is weaker in a long loop, as guidance intervals make it.
    guidance = property(lambda self: self._guidance_scale / self._num_timesteps)
    tiny.pipe.__class__ = type("Looking", (own,), {"guidance_scale": guidance, "__call__": own.__call__})
    model = DiffusersModel(tiny.pipe, tiny.call)
    condition, _ = model.encode(PROMPTS)
    x, sigmas = torch.randn(2, *model.latent_shape()), model.sigmas(STEPS)
    states, _ = ends(lambda x, s: model.velocity(x, s, condition), x, sigmas)
    with pytest.warns(UserWarning, match="run anew at each step instead of once for a rollout"):
        assert equal(solved(model, condition, x, sigmas)[0], states)
    del runs[:]
    assert equal(solved(model, condition, x, sigmas)[0], states)
    assert runs == [1] * STEPS
