"""Attention backends: what no run can use is refused before weights are loaded."""

import pytest
import torch
from diffusers.models import attention_dispatch

from genrl.errors import ConfigError
from genrl.models import DiffusersModel
from genrl.models.attention import check_attention, set_attention, try_attention
from tests.tiny_pipelines import PROMPTS, build

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("natve", r"no attention backend 'natve'; did you mean 'native'\?"),
        ("sage", "computes in 8 bits and has no backward pass, so the policy that samples could not be the one that learns"),
        ("_sage_qk_int8_pv_fp16_cuda", "computes in 8 bits"),
        ("flash_hub", r"runs compiled code from the hub; set model\.trust_remote_code=true"),
    ],
)
def test_backends_that_no_run_can_use_are_refused(backend, message):
    with pytest.raises(ConfigError, match=message):
        check_attention(backend, trust_remote_code=False)


def test_code_from_the_hub_runs_when_it_is_trusted():
    check_attention("flash_hub", trust_remote_code=True)
    check_attention("_native_cudnn", trust_remote_code=False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_backends_of_the_cpu_pass_the_trial(dtype):
    for backend in ("native", "_native_math", "_native_flash"):
        try_attention(backend, dtype, CPU)


@pytest.mark.parametrize("backend", ["flash", "_flash_3", "_native_cudnn", "xformers"])
def test_backends_that_do_not_work_here_are_refused(backend):
    with pytest.raises(ConfigError, match=rf"'{backend}' does not work on cpu in float32 \(.+\); set model\.attention=native"):
        try_attention(backend, torch.float32, CPU)


def test_backend_with_another_gradient_is_refused(monkeypatch):
    backends = attention_dispatch._AttentionBackendRegistry._backends
    name = attention_dispatch.AttentionBackendName._NATIVE_MATH
    own = backends[name]

    def rounded(query, key, value, **kwargs):
        return own(query.detach() + 0.03 * query, key, value, **kwargs)

    monkeypatch.setitem(backends, name, rounded)
    with pytest.raises(ConfigError, match=r"differs from torch's attention or its gradient by \d+\.\d%"):
        try_attention("_native_math", torch.float32, CPU)


def answer(family, backend):
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call)
    condition, _ = model.encode(PROMPTS)
    x = torch.randn(2, *model.latent_shape(), generator=torch.Generator().manual_seed(0), requires_grad=True)
    if backend:
        set_attention(model.networks, backend)
    velocity = model.velocity(x, 0.5, condition)
    return velocity.detach(), torch.autograd.grad(velocity.square().sum(), x)[0]


@pytest.mark.parametrize("family", ["prx", "flux", "wan"])
def test_another_backend_gives_the_same_velocity_and_gradient(family, monkeypatch):
    registry, asked = attention_dispatch._AttentionBackendRegistry, []
    name = attention_dispatch.AttentionBackendName._NATIVE_MATH
    own = registry._backends[name]
    monkeypatch.setitem(registry._backends, name, lambda **kwargs: asked.append(1) or own(**kwargs))
    for plain, other in zip(answer(family, ""), answer(family, "_native_math"), strict=True):
        torch.testing.assert_close(other, plain, atol=1e-5, rtol=1e-4)
    assert asked
    assert registry.get_active_backend()[0] == attention_dispatch.AttentionBackendName.NATIVE
    asked.clear()
    answer(family, "")
    assert asked == []


def test_network_that_keeps_its_own_attention_is_refused():
    with pytest.raises(ConfigError, match=r"No attention layer of the transformer \(SD3Transformer2DModel\) can change"):
        answer("sd3", "_native_math")
