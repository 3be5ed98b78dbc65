"""Compile and export, dense, padded and ragged, with batches of sets built inside or outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, export

import eqsets
from eqsets import DSS, SetBatch
from eqsets.testing.laws.deployment.compiled import fresh_compiler

FREE = {0: Dim.DYNAMIC}


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    with fresh_compiler():
        yield


def layer(aggregation: str, alignment: str) -> DSS:
    torch.manual_seed(0)
    ring = eqsets.element_group("cyclic", size=4)
    return DSS(ring, 3, 2, aggregation=aggregation, alignment=alignment).eval()


def batch_of(*sizes: int) -> SetBatch:
    generator = torch.Generator().manual_seed(0)
    return SetBatch.from_list([torch.randn(n, 4, 3, generator=generator) for n in sizes])


class Inside(nn.Module):
    """Build the batch in ``forward``; the number of sets is the size of a tensor."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, values: Tensor, index: Tensor, labels: Tensor) -> Tensor:
        y = self.module(SetBatch(values, index, labels.shape[0]))
        result: Tensor = (y + y.map(torch.tanh)).values
        return result


class FromList(nn.Module):
    """Build the batch from a list of sets, and return a padded one."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        y = self.module(SetBatch.cat([SetBatch.from_list([first]), SetBatch.from_list([second])]))
        x, mask = y.to_padded(8)
        return torch.where(mask[..., None, None], x, 1.0)


def check(program: Any, module: nn.Module, *given: Any) -> None:
    result, expected = program(*given), module(*given)
    if isinstance(expected, SetBatch):
        assert isinstance(result, SetBatch)
        result, expected = result.values, expected.values
    torch.testing.assert_close(result, expected)


RAGGED = [("sum", "shared"), ("max", "shared"), ("sridhar", "shared"), ("mean", "independent")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("aggregation", "alignment", "strict"),
    [*((*case, False) for case in RAGGED), (*RAGGED[0], True)],
)
def test_export_of_ragged_batches(aggregation: str, alignment: str, strict: bool) -> None:
    module = layer(aggregation, alignment)
    small, large, three = batch_of(2, 4), batch_of(7, 3), batch_of(5, 1, 2)
    program = export(module, (small,), dynamic_shapes=([FREE, FREE],), strict=strict).module()
    check(program, module, large)

    inside = Inside(module).eval()
    given = (small.values, small.index, torch.zeros(2))
    program = export(inside, given, dynamic_shapes=(FREE, FREE, FREE), strict=strict).module()
    check(program, inside, three.values, three.index, torch.zeros(3))

    listed = FromList(module).eval()
    program = export(listed, tuple(small), dynamic_shapes=(FREE, FREE), strict=strict).module()
    check(program, listed, *large)


@pytest.mark.slow
@pytest.mark.parametrize(("aggregation", "alignment"), [RAGGED[1], RAGGED[3]])
def test_compile_of_ragged_batches(aggregation: str, alignment: str) -> None:
    module = layer(aggregation, alignment)
    batches = (batch_of(2, 4), batch_of(7, 3), batch_of(5, 1, 2))
    inside, listed = Inside(module).eval(), FromList(module).eval()
    for plain, inputs in (
        (module, [(batch,) for batch in batches]),
        (inside, [(b.values, b.index, torch.zeros(b.num_sets)) for b in batches]),
        (listed, [tuple(batch) for batch in batches[:2]]),
    ):
        torch._dynamo.reset()
        compiled = torch.compile(plain, fullgraph=True, backend="aot_eager")
        for given in inputs:
            check(compiled, plain, *given)


@pytest.mark.parametrize("layout", ["dense", "padded"])
def test_export_of_tensors_for_any_number_and_size_of_sets(layout: str) -> None:
    module = layer("max", "independent")
    x, mask = batch_of(2, 4).to_padded()
    larger = batch_of(5, 1, 2).to_padded()
    given = (x, mask) if layout == "padded" else (x,)
    free = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    program = export(module, given, dynamic_shapes=tuple(free for _ in given)).module()
    check(program, module, *larger[: len(given)])
