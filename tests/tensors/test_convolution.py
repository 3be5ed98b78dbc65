"""Convolutions in half precision add up all terms of a gradient, on every processor."""

from __future__ import annotations

import pytest
import torch

from eqsets.tensors.convolution import convolved


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gradients_of_weights_are_sums_of_all_terms(dtype: torch.dtype) -> None:
    x, weight = torch.ones(4096, 1, 1, 1, dtype=dtype), torch.ones(1, 1, 1, 1, dtype=dtype)
    weight.requires_grad_()
    y = convolved(torch.nn.functional.conv2d, x, weight, None)
    y.backward(torch.ones_like(y))
    assert y.dtype == dtype
    assert float(weight.grad) == 4096


def test_float32_and_biases_are_those_of_torch() -> None:
    x, weight, bias = torch.randn(2, 3, 5), torch.randn(4, 3, 3), torch.randn(4)
    expected = torch.nn.functional.conv1d(x, weight, bias, 2, 1)
    assert torch.equal(convolved(torch.nn.functional.conv1d, x, weight, bias, 2, 1), expected)
    half = [one.bfloat16() for one in (x, weight, bias)]
    near = convolved(torch.nn.functional.conv1d, *half, 2, 1)
    assert torch.allclose(near.float(), expected, atol=0.1, rtol=0.05)
