"""``torch.func`` and vectorised autograd through a DSS layer, for each symmetry and layout.

The reference is the Jacobian by one backward pass for each output, which uses no transform.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import functional
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vmap

import eqsets
from eqsets import DSS, SetBatch, SetNetwork

AGGREGATIONS = ("sum", "mean", "max", "centered", "gated-centered", "none", "sridhar", "aittala")
MASK = torch.tensor([[True, True, False], [True, True, True]])
INDEX = torch.tensor([0, 1, 1, 0, 1, 1])
EDGES = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])


def cyclic(size: int) -> eqsets.ElementSymmetry:
    return eqsets.element_group("cyclic", size=size)


SYMMETRIES: dict[str, Callable[[], tuple[Any, ...]]] = {
    "trivial": lambda: ("trivial", 1, 2, {}),
    "cyclic": lambda: (cyclic(3), 1, 2, {}),
    "product": lambda: (cyclic(2) * cyclic(3), 1, 2, {}),
    "sets": lambda: (eqsets.Sets(cyclic(2)), 1, 2, {}),
    "translations": lambda: ("translations", 1, 2, {"kernel_size": 3}),
    "permutations": lambda: ("permutations", 1, 2, {}),
    "planar": lambda: (eqsets.element_group("planar", rotations=4), 1, "2 regular", {}),
    "spatial": lambda: ("spatial", "1x0e + 1x1o", "2x0e + 2x1o", {}),
}
ELEMENTS = {"translations": (1, 3, 4), "planar": (1, 3, 3), "permutations": (3, 1)}
CASES = [
    pytest.param(name, aggregation, alignment, id=f"{name}-{aggregation}-{alignment}")
    for name, aggregation, alignment in itertools.product(
        SYMMETRIES, AGGREGATIONS, ("shared", "independent")
    )
    # every aggregation for one symmetry of the core, every symmetry for three aggregations
    if name == "cyclic" or (aggregation in ("sum", "max", "sridhar") and name != "spatial")
    if not (name == "planar" and aggregation == "max" and alignment == "independent")
] + [pytest.param("spatial", "mean", a, id=f"spatial-mean-{a}") for a in ("shared", "independent")]


def build(name: str, aggregation: str, alignment: str) -> tuple[DSS, Tensor]:
    """Return a layer in float64 and sets ``(2, 3, *element)`` without ties."""
    group, inputs, outputs, options = SYMMETRIES[name]()
    torch.manual_seed(0)
    layer = DSS(group, inputs, outputs, aggregation=aggregation, alignment=alignment, **options)
    layout = layer.in_type.layout
    element = ELEMENTS.get(name, tuple(3 if isinstance(axis, str) else axis for axis in layout))
    return layer.double(), torch.randn(2, 3, *element, dtype=torch.float64)


def functions(
    name: str, module: Callable[..., Any], x: Tensor
) -> dict[str, tuple[Callable[[Tensor], Tensor], Tensor]]:
    """Return the module as a function of one tensor in each layout, and an input for it."""
    side = {"structure": EDGES} if name == "permutations" else {}
    return {
        "dense": (lambda x: module(x, **side), x),
        "padded": (lambda x: module(x, MASK, **side), x),
        "ragged": (lambda x: module(SetBatch(x, INDEX, 2), **side).values, x.flatten(0, 1)),
    }


@pytest.mark.slow
@pytest.mark.parametrize(("name", "aggregation", "alignment"), CASES)
def test_jacobians_and_hessians(name: str, aggregation: str, alignment: str) -> None:
    layer, x = build(name, aggregation, alignment)
    for function, given in functions(name, layer, x).values():
        expected = functional.jacobian(function, given)
        vectorised = functional.jacobian(function, given, vectorize=True)
        torch.testing.assert_close(vectorised, expected)
        torch.testing.assert_close(jacrev(function)(given), expected)
        torch.testing.assert_close(jacfwd(function)(given), expected)
        tangent = torch.randn_like(given)
        moved = jvp(function, (given,), (tangent,))[1]
        torch.testing.assert_close(moved, torch.tensordot(expected, tangent, dims=given.dim()))

        def loss(x: Tensor, function: Callable[[Tensor], Tensor] = function) -> Tensor:
            return function(x).square().sum()

        square = functional.hessian(loss, given)
        torch.testing.assert_close(hessian(loss)(given), square)
        torch.testing.assert_close(functional.hessian(loss, given, vectorize=True), square)
        torch.testing.assert_close(jacrev(jacrev(loss))(given), square)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "aggregation", "alignment"), CASES)
def test_gradients_of_each_sample_and_each_weight(
    name: str, aggregation: str, alignment: str
) -> None:
    layer, x = build(name, aggregation, alignment)
    weights, buffers = dict(layer.named_parameters()), dict(layer.named_buffers())
    for layout in ("dense", "padded", "ragged"):

        def loss(weights: Mapping[str, Tensor], x: Tensor, layout: str = layout) -> Tensor:
            def call(*args: Any, **kwargs: Any) -> Any:
                return functional_call(layer, {**weights, **buffers}, args, kwargs)

            return functions(name, call, x)[layout][0](x).square().sum()

        given = functions(name, layer, x)[layout][1]
        many = torch.stack([given, given.flip(0), 2 * given])
        result = vmap(grad(loss, (0, 1)), (None, 0))(weights, many)
        alone = [grad(loss, (0, 1))(weights, each) for each in many]
        for key in weights:
            torch.testing.assert_close(result[0][key], torch.stack([one[0][key] for one in alone]))
            # one weight of the layer with a batch axis, the others without
            mapped = {other: 0 if other == key else None for other in weights}
            pair = {**weights, key: torch.stack([weights[key], 2 * weights[key]])}
            losses = vmap(loss, (mapped, None))(pair, given)
            torch.testing.assert_close(losses[0], loss(weights, given))
            changed = {**weights, key: 2 * weights[key]}
            torch.testing.assert_close(losses[1], loss(changed, given))
        torch.testing.assert_close(result[1], torch.stack([one[1] for one in alone]))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Please use .torch.vmap.:FutureWarning")  # torch 2.6 itself
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("layout", ["dense", "padded", "ragged"])
def test_second_derivatives_and_batched_gradients(layout: str, aggregation: str) -> None:
    layer, x = build("cyclic", aggregation, "shared")
    function, given = functions("cyclic", layer, x)[layout]
    given.requires_grad_()
    checks = {"check_batched_grad": True, "check_batched_forward_grad": True}
    assert torch.autograd.gradcheck(function, given, check_forward_ad=True, **checks)
    assert torch.autograd.gradgradcheck(function, given, check_batched_grad=True)
    y = function(given)
    basis = torch.eye(y.numel(), dtype=y.dtype).reshape(-1, *y.shape)
    (rows,) = torch.autograd.grad(y, given, basis, is_grads_batched=True)
    torch.testing.assert_close(rows.reshape(*y.shape, *given.shape), jacrev(function)(given))


def test_per_sample_gradients_of_a_network_with_masks() -> None:
    torch.manual_seed(0)
    network = SetNetwork("trivial", [3, 8, 8], readout=1).double()
    weights = dict(network.named_parameters())
    x, mask = torch.randn(4, 5, 3).double(), torch.rand(4, 5) > 0.5
    mask[:, 0] = True

    def loss(weights: Mapping[str, Tensor], x: Tensor, mask: Tensor) -> Tensor:
        y: Tensor = functional_call(network, {**weights}, (x[None], mask[None]))
        return y.square().sum()

    result = vmap(grad(loss), (None, 0, 0))(weights, x, mask)
    for i in range(len(x)):
        network.zero_grad()
        network(x[i : i + 1], mask[i : i + 1]).square().sum().backward()
        for name, weight in network.named_parameters():
            torch.testing.assert_close(result[name][i], weight.grad)


def test_vmap_takes_a_set_batch() -> None:
    torch.manual_seed(0)
    layer = DSS("trivial", 2, 3).double()
    batches = [SetBatch(torch.randn(6, 2).double(), INDEX, 2) for _ in range(3)]
    stacked = batches[0].replace(torch.stack([batch.values for batch in batches]))
    values = vmap(lambda v: layer(SetBatch(v, INDEX, 2)).values)(stacked.values)
    for value, batch in zip(values, batches, strict=True):
        torch.testing.assert_close(value, layer(batch).values)


@pytest.mark.slow
def test_a_vectorised_jacobian_does_not_end_the_process() -> None:
    # It did: the backward of a reshape read the storage of a batched tensor.
    program = (
        "import torch, eqsets\n"
        "layer = eqsets.DSS('trivial', 2, 3)\n"
        "x, mask = torch.randn(2, 3, 2), torch.ones(2, 3, dtype=torch.bool)\n"
        "for f in (layer, lambda x: layer(x, mask)):\n"
        "    torch.autograd.functional.jacobian(f, x, vectorize=True)\n"
        "    torch.func.vmap(torch.func.grad(lambda x: f(x).sum()))(x[None])\n"
        "print('finished')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (0, "finished\n"), run.stderr[-2000:]
