"""Costs of computations whose cost is known."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from genrl.estimate.tally import gradients_dropped, tally

ROWS, WIDTH, LAYERS = 1000, 100, 10
#: Bytes of one activation.
UNIT = ROWS * WIDTH * 4


def network():
    return nn.Sequential(*(nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU()) for _ in range(LAYERS)))


def test_forward_holds_what_is_in_use():
    """At a ReLU its input and output, and what the layer before was given; at the first layer the input is not counted."""
    layers, x = network(), torch.zeros(ROWS, WIDTH)
    with torch.no_grad():
        cost = tally(lambda: layers(x))
    assert cost.flops == LAYERS * 2 * ROWS * WIDTH * WIDTH
    assert cost.peak == 3 * UNIT
    assert cost.kernels == 2 * LAYERS


def test_backward_holds_what_was_kept():
    """Each ReLU keeps its output and the layer behind it its input, which is the same."""
    layers, x = network(), torch.zeros(ROWS, WIDTH)
    with gradients_dropped(list(layers.parameters())):
        cost = tally(lambda: layers(x).sum().backward())
    # No gradient of the input: the first layer has one product less.
    assert cost.flops == (3 * LAYERS - 1) * 2 * ROWS * WIDTH * WIDTH
    assert LAYERS * UNIT < cost.peak < (LAYERS + 3) * UNIT
    assert all(parameter.grad is None for parameter in layers.parameters())


def test_checkpointing_keeps_inputs_and_one_block():
    layers, x, block = network(), torch.zeros(ROWS, WIDTH, requires_grad=True), 5

    def run():
        y = x
        for start in range(0, LAYERS, block):
            y = checkpoint(layers[start : start + block], y, use_reentrant=False)
        y.sum().backward()

    with gradients_dropped(list(layers.parameters())):
        cost = tally(run)
    assert cost.flops == 4 * LAYERS * 2 * ROWS * WIDTH * WIDTH
    assert cost.peak < (LAYERS // block + block + 3) * UNIT <= LAYERS * UNIT


def test_operations_are_those_that_torch_counts():
    layers, x = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 5)), torch.zeros(2, 3, 8, 8)
    with FlopCounterMode(display=False) as counted:
        layers(x).sum().backward()
    assert tally(lambda: layers(x).sum().backward()).flops == counted.get_total_flops() > 0


def test_operations_in_float32_are_told_apart():
    half, single = torch.zeros(8, 8, dtype=torch.bfloat16), torch.zeros(8, 8)
    cost = tally(lambda: (half @ half, single @ single, single @ single))
    assert (cost.flops, cost.precise) == (3 * 2 * 8**3, 2 * 2 * 8**3)


def test_views_and_weights_cost_nothing():
    weight = torch.zeros(WIDTH, WIDTH)
    cost = tally(lambda: weight.t().reshape(-1, 10)[:5].view(-1))
    assert (cost.flops, cost.kernels, cost.peak) == (0, 1, WIDTH * WIDTH * 4)  # the reshape of a transpose copies
    assert tally(lambda: weight.mul_(2.0)).kernels == 1


@pytest.mark.parametrize("grad", [False, True])
def test_attention_is_counted_on_the_cpu_as_on_a_gpu(grad):
    query, key, value = (torch.zeros(1, 2, 64, 32, requires_grad=grad) for _ in range(3))
    attention = nn.functional.scaled_dot_product_attention
    cost = tally(lambda: attention(query, key, value).sum().backward() if grad else attention(query, key, value))
    product = 2 * 2 * 64 * 64 * 32
    # Forward 2 products; backward 5, one of them the forward's first again.
    assert cost.flops == (7 if grad else 2) * product
