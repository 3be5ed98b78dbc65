"""Models written by the dynamo exporter give the same numbers in onnxruntime, for free sizes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

import eqsets
from eqsets import DSS, SetBatch, SetNetwork

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

ROWS, SETS = {0: Dim.DYNAMIC}, {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
SYMMETRIES: dict[str, Callable[[], tuple[Any, Any, Any, dict[str, Any], tuple[int, ...]]]] = {
    "trivial": lambda: ("trivial", 2, 4, {}, (2,)),
    "cyclic": lambda: (eqsets.element_group("cyclic", size=3), 2, 4, {}, (3, 2)),
    "product": lambda: (
        eqsets.element_group("cyclic", size=2) * eqsets.element_group("cyclic", size=3),
        *(2, 4, {}, (2, 3, 2)),
    ),
    "sets": lambda: (eqsets.Sets(eqsets.element_group("cyclic", size=3)), 2, 4, {}, (4, 3, 2)),
    "translations": lambda: ("translations", 2, 4, {"kernel_size": 3}, (2, 6, 7)),
    "planar": lambda: (
        eqsets.element_group("planar", rotations=4),
        *(2, "2 regular", {"kernel_size": 3}, (2, 7, 7)),
    ),
    "spatial": lambda: ("spatial", "2x0e + 1x1o", "2x0e + 2x1o", {}, (5,)),
}
KINDS = [("sum", "shared"), ("max", "shared"), ("mean", "independent"), ("sridhar", "shared")]


class Ragged(nn.Module):
    """A module on a batch that is built inside; the number of sets is the size of a tensor."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, values: Tensor, index: Tensor, labels: Tensor) -> Tensor:
        y: Tensor = self.module(SetBatch(values, index, labels.shape[0])).values
        return y


def rows(element: tuple[int, ...], *sizes: int) -> tuple[Tensor, Tensor, Tensor]:
    batch = SetBatch.from_list([torch.randn(n, *element) for n in sizes])
    order = torch.randperm(len(batch.values))
    return batch.values[order], batch.index[order], torch.zeros(len(sizes))


def padded(element: tuple[int, ...], *sizes: int) -> tuple[Tensor, Tensor]:
    return SetBatch.from_list([torch.randn(n, *element) for n in sizes]).to_padded()


def check(module: nn.Module, first: tuple[Tensor, ...], *others: tuple[Tensor, ...]) -> None:
    """Export with ``first``; compare on inputs of other sizes."""
    ragged = isinstance(module, Ragged)
    shapes = tuple(ROWS if ragged else SETS for _ in first)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own making
        program = torch.onnx.export(
            module, first, dynamo=True, dynamic_shapes=shapes, verbose=False
        )
    assert program is not None
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    names = [entry.name for entry in session.get_inputs()]
    for given in (first, *others):
        inputs = {name: value.numpy() for name, value in zip(names, given, strict=True)}
        (y,) = session.run(None, inputs)
        torch.testing.assert_close(
            torch.from_numpy(y), module(*given).detach(), atol=1e-5, rtol=1e-4
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "aggregation", "alignment"),
    [("cyclic", *kind) for kind in KINDS]
    + [
        (name, "max" if name == "trivial" else "sum", "shared")
        for name in SYMMETRIES
        if name != "cyclic"
    ],
)
def test_dense_padded_and_ragged(name: str, aggregation: str, alignment: str) -> None:
    torch.manual_seed(0)
    group, inputs, outputs, options, element = SYMMETRIES[name]()
    layer = DSS(group, inputs, outputs, aggregation=aggregation, alignment=alignment, **options)
    layer = layer.eval()
    check(layer, (torch.randn(2, 3, *element),), (torch.randn(4, 5, *element),))
    check(layer, padded(element, 2, 4), padded(element, 3, 1, 6))
    check(Ragged(layer).eval(), rows(element, 2, 4), rows(element, 3, 1, 6))


def test_a_network_with_a_readout() -> None:
    torch.manual_seed(0)
    network = SetNetwork("trivial", [2, 8, 8], normalization="element", readout=3).eval()
    check(network, padded((2,), 2, 4), padded((2,), 3, 1, 6))


def test_what_onnx_does_not_have_is_named() -> None:
    layer, x = DSS("permutations", 2, 3, conv="gcn").eval(), torch.randn(2, 3, 3, 2)
    edges = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])

    class Graphs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.layer(x, structure=edges)
            return y

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception, match=r"eqsets_permutations\.product"):
            torch.onnx.export(Graphs(), (x,), dynamo=True, verbose=False)
