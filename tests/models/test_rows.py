"""Running out of memory halves what is taken at once; everything else stays."""

import warnings

import pytest
import torch

from genrl.errors import ModelError
from genrl.models import DiffusersModel
from tests.tiny_pipelines import PROMPTS, build


def fresh(family="sd3", **options):
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call, **options)
    condition, _ = model.encode([*PROMPTS, PROMPTS[0], PROMPTS[1]])
    return model, condition, torch.randn(4, *model.latent_shape(), generator=torch.Generator().manual_seed(2))


def room_for(module, rows):
    """Let a module run out of memory with more rows than that."""

    def check(module, args, kwargs):
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
        if len(tensors[0]) > rows:
            raise torch.OutOfMemoryError(f"{len(tensors[0])} rows do not fit")

    module.register_forward_pre_hook(check, with_kwargs=True)


def walked(model, condition, x):
    sigmas = model.sigmas(3)
    with torch.no_grad(), model.solve(condition, sigmas) as velocity:
        for sigma, sigma_next in zip(sigmas, sigmas[1:], strict=False):
            x = x + (sigma_next - sigma) * velocity(x, sigma)
    return x


@pytest.mark.parametrize("proven", [False, True])
def test_walk_goes_on_with_half_the_rows(proven):
    small, condition, x = fresh("prx", max_rows=2)
    expected = walked(small, condition, x)
    model, condition, x = fresh("prx")
    if proven:
        walked(model, condition, x)
    room_for(model.networks["transformer"], 2)
    with pytest.warns(UserWarning, match=r"ran out of memory with 4 rows at once, so 2 are taken .*; model\.max_rows=2"):
        assert torch.equal(walked(model, condition, x), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(walked(model, condition, x), expected)


def test_single_velocity_is_halved_as_often_as_needed():
    model, condition, x = fresh("prx")
    with torch.no_grad():
        expected = torch.cat([model.velocity(x[k : k + 1], 0.5, condition.rows([k])) for k in range(4)])
        room_for(model.networks["transformer"], 1)
        with pytest.warns(UserWarning, match="memory"):
            assert torch.equal(model.velocity(x, 0.5, condition), expected)


def test_decoding_is_halved():
    model, _, x = fresh("sd3")
    expected = model.decode(x)
    room_for(model.pipe.vae.decoder, 1)
    with pytest.warns(UserWarning, match="memory") as said:
        pictures = model.decode(x)
    assert "model.decode_rows=1 begins there" in str(said[-1].message)
    torch.testing.assert_close(pictures, expected, atol=1e-5, rtol=0)


def test_one_row_that_does_not_fit_is_an_error_with_a_cure():
    model, condition, x = fresh("prx", max_rows=1)
    room_for(model.networks["transformer"], 0)
    with pytest.raises(ModelError, match=r"with a single row; set model\.offload=true, or a smaller height"), torch.no_grad():
        model.velocity(x, 0.5, condition)


def test_learning_is_not_split():
    """Parts of a batch keep their graphs, so they would need as much memory as the whole."""
    model, condition, x = fresh("prx", max_rows=1)
    seen = []
    model.networks["transformer"].register_forward_pre_hook(lambda module, args, kwargs: seen.append(kwargs), with_kwargs=True)
    model.velocity(x, 0.5, condition)
    assert len(seen) == 1
    room_for(model.networks["transformer"], 2)
    with pytest.raises(torch.OutOfMemoryError):
        model.velocity(x, 0.5, condition)
    with torch.no_grad():
        model.velocity(x, 0.5, condition)
