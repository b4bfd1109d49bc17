"""The attention kernels of the networks: chosen by name, tried before use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from genrl.errors import ConfigError
from genrl.registry import suggestion

#: Relative error at which a backend counts as another function: far above rounding, far below int8.
TOLERANCE = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 2e-2}


def check_attention(backend: str, trust_remote_code: bool) -> None:
    """Raise ConfigError for a backend that no run can use."""
    from diffusers.models.attention_dispatch import AttentionBackendName

    if "sage" in backend:
        raise ConfigError(
            f"The attention backend {backend!r} computes in 8 bits and has no backward pass, so the policy that samples "
            "could not be the one that learns; set model.attention=native or a flash or cudnn backend."
        )
    known = [name.value for name in AttentionBackendName if "sage" not in name.value]
    if backend not in known:
        raise ConfigError(f"There is no attention backend {backend!r}{suggestion(backend, known)}")
    if "_hub" in backend and not trust_remote_code:
        raise ConfigError(
            f"The attention backend {backend!r} runs compiled code from the hub; set model.trust_remote_code=true to allow "
            "it, or choose a backend that is installed."
        )


def try_attention(backend: str, dtype: torch.dtype, device: torch.device) -> None:
    """Raise ConfigError unless the backend gives, here and in this dtype, torch's own attention and its gradient."""
    from diffusers.models.attention_dispatch import AttentionBackendName, attention_backend, dispatch_attention_fn

    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(1, 64, 2, 64, generator=generator).to(device, dtype) for _ in range(3)]  # (B, tokens, heads, width)

    def answers(name: str) -> list[Tensor]:
        query, key, value = (tensor.clone().requires_grad_() for tensor in inputs)
        with torch.enable_grad(), attention_backend(name):
            answer = dispatch_attention_fn(query, key, value, backend=AttentionBackendName(name))
            return [answer.detach(), *torch.autograd.grad(answer.float().square().sum(), (query, key, value))]

    try:
        pairs = list(zip(answers(backend), answers("native"), strict=True))
    except (ImportError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"The attention backend {backend!r} does not work on {device} in {str(dtype)[6:]} ({_first_line(error)}); "
            "set model.attention=native."
        ) from error
    worst = max(float((ours - own).float().norm() / own.float().norm()) for ours, own in pairs)
    if worst > TOLERANCE[dtype]:
        raise ConfigError(
            f"The attention backend {backend!r} differs from torch's attention or its gradient by {worst:.1%}, so what is "
            "sampled would not be what is learnt; set model.attention=native."
        )


def set_attention(networks: Mapping[str, nn.Module], backend: str) -> None:
    """Have all attention layers of the networks use the backend; other modules keep theirs."""
    from diffusers.models.attention_dispatch import attention_backend

    for name, network in networks.items():
        # The method also changes the default of the process, which the context manager restores.
        with attention_backend("native"):
            network.set_attention_backend(backend)  # type: ignore[operator]
        if not any(_backend_of(module) == backend for module in network.modules()):
            raise ConfigError(
                f"No attention layer of the {name} ({type(network).__name__}) can change its backend; leave model.attention "
                "empty."
            )


def _backend_of(module: nn.Module) -> Any:
    return getattr(getattr(module, "processor", None), "_attention_backend", None)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
