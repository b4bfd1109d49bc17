"""What is measured on a GPU, as far as it can be seen without one."""

from __future__ import annotations

import warnings

import pytest
import torch

from genrl.bench.gpu import matmul_peak, waits


@pytest.fixture
def modes(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The modes that torch is put into; it begins in 0."""
    asked: list[object] = []
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", asked.append)
    return asked


def test_waits_are_counted_by_the_line_that_made_them(modes: list[object]) -> None:
    def wait() -> None:
        warnings.warn("called a synchronizing CUDA operation (Triggered internally at CUDAFunctions.cpp:68.)", stacklevel=1)

    with waits() as found:
        for _ in range(3):
            wait()
        warnings.warn("something else", stacklevel=1)
    ((place, times),) = found.items()
    assert place == f"{__file__}:{wait.__code__.co_firstlineno + 1}"
    assert times == 3
    assert modes == ["warn", 0]


def test_the_mode_is_restored_after_an_error(modes: list[object]) -> None:
    with pytest.raises(KeyError), waits():
        raise KeyError
    assert modes == ["warn", 0]


def test_the_peak_is_operations_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    products: list[torch.Tensor] = []
    monkeypatch.setattr("genrl.bench.gpu.seconds", lambda work, device: products.append(work()) or 0.5)
    assert matmul_peak(torch.device("cpu"), side=64) == pytest.approx(2 * 64**3 / 0.5 / 1e12)
    assert {(product.shape, product.dtype) for product in products} == {(torch.Size([64, 64]), torch.bfloat16)}
