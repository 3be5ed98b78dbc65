"""Reductions and broadcasts of the three layouts against a plain loop over the sets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from eqsets import SetBatch, ShapeError
from eqsets.layout import Dense, Layout, Padded, Ragged, as_rows

REDUCTIONS = ("sum", "mean", "max")
LAYOUTS = ("dense", "padded", "ragged", "shuffled")
SIZES = {"dense": [3, 3, 3]}
VALUES: dict[str, Callable[..., Tensor]] = {
    "normal": lambda *shape, generator: torch.randn(*shape, generator=generator),
    "ties": lambda *shape, generator: torch.randint(-1, 2, shape, generator=generator).float(),
    "negative": lambda *shape, generator: -torch.rand(*shape, generator=generator) - 1,
    "zeros": lambda *shape, generator: torch.zeros(*shape),
    "signed zeros": lambda *shape, generator: torch.zeros(*shape).copysign(
        torch.randn(*shape, generator=generator)
    ),
}

SETS = torch.randn(2, 4, 3, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
MASK = torch.tensor([[True, False, True, False], [True, True, True, True]])


def loop(kind: str, sets: list[Tensor]) -> Tensor:
    """Reduce each set by itself; rows that attain a maximum share its gradient."""
    if kind == "max":
        return torch.stack([members.amax(0) for members in sets])
    total = torch.stack([members.sum(0) for members in sets])
    sizes = total.new_tensor([len(members) for members in sets])[:, None, None]
    return total / sizes if kind == "mean" else total


def arrange(layout: str, rows: Tensor, sizes: list[int]) -> tuple[Layout, Tensor]:
    """Return the layout of sets of these sizes, and their rows as the layout has them."""
    sets = list(rows.split(sizes))
    if layout == "dense":
        return as_rows(torch.stack(sets), None, None, "test")
    batch = SetBatch.from_list(sets)
    if layout == "padded":
        x, mask = batch.to_padded()
        return as_rows(torch.where(mask[..., None, None], x, torch.nan), mask, None, "test")
    if layout == "shuffled":
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(5))
        batch = SetBatch(batch.values[order], batch.index[order], batch.num_sets)
    return as_rows(batch, None, None, "test")


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("kind", REDUCTIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_reductions_and_their_gradients_equal_a_loop(layout: str, kind: str, values: str) -> None:
    sizes = SIZES.get(layout, [4, 1, 3])
    rows = VALUES[values](sum(sizes), 2, 3, generator=torch.Generator().manual_seed(1)).double()
    rows.requires_grad_()
    weight = torch.randn(len(sizes), 2, 3, generator=torch.Generator().manual_seed(2)).double()
    built, features = arrange(layout, rows, sizes)
    results = []
    for y in (getattr(built, kind)(features), loop(kind, list(rows.split(sizes)))):
        (gradient,) = torch.autograd.grad(y, rows, weight)
        results.append((y, gradient))
    torch.testing.assert_close(*results)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Please use .torch.vmap.:FutureWarning")  # torch 2.6 itself
@pytest.mark.parametrize("kind", REDUCTIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_first_and_second_derivatives(layout: str, kind: str) -> None:
    sizes = SIZES.get(layout, [4, 1, 3])
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(sum(sizes), 2, 3, generator=generator).double().requires_grad_()

    def reduce(rows: Tensor) -> Tensor:
        built, features = arrange(layout, rows, sizes)
        reduced: Tensor = getattr(built, kind)(features.square())
        return reduced

    assert torch.autograd.gradcheck(reduce, rows, check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(reduce, rows, check_batched_grad=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", REDUCTIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_large_sets_in_half_precision(layout: str, kind: str, dtype: torch.dtype) -> None:
    sizes = [300, 300] if layout == "dense" else [600, 33, 32, 31, 1]
    rows = 1 + torch.rand(sum(sizes), 2, 3, generator=torch.Generator().manual_seed(1))
    rows = rows.to(dtype)
    built, features = arrange(layout, rows, sizes)
    y = getattr(built, kind)(features)
    assert y.dtype == dtype
    expected = loop(kind, list(rows.double().split(sizes)))
    torch.testing.assert_close(y.double(), expected, rtol=torch.finfo(dtype).eps, atol=0.0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_mean_does_not_overflow_in_half_precision(layout: str) -> None:
    rows = torch.full((800, 1, 1), 200.0, dtype=torch.float16)  # the sums are beyond 65504
    built, features = arrange(layout, rows, [400, 400])
    assert built.mean(features).unique().tolist() == [200.0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("operation", ["spread", "add"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_gradient_of_a_broadcast_is_a_precise_sum(
    layout: str, operation: str, dtype: torch.dtype
) -> None:
    sizes = [300, 300] if layout == "dense" else [600, 33, 32, 31, 1]
    generator = torch.Generator().manual_seed(1)
    rows = torch.zeros(sum(sizes), 2, 3, dtype=dtype)
    built, features = arrange(layout, rows, sizes)
    sets = torch.randn(len(sizes), 2, 3, generator=generator).to(dtype).requires_grad_()
    if operation == "spread":
        y = built.spread(sets)
    else:
        added = built.add(features, sets)
        y = added.values if isinstance(added, SetBatch) else added.flatten(0, 1)
    weight = 1 + torch.rand(len(features), 2, 3, generator=generator).to(dtype)
    if built.present is not None:
        weight = torch.where(built.present[:, None, None], weight, 0)
    (gradient,) = torch.autograd.grad(y, sets, weight)
    expected = built.sum(weight.double())
    torch.testing.assert_close(gradient.double(), expected, rtol=torch.finfo(dtype).eps, atol=1e-4)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_spread_and_add_equal_a_loop(layout: str) -> None:
    sizes = SIZES.get(layout, [4, 1, 3])
    rows = torch.randn(sum(sizes), 2, 3, generator=torch.Generator().manual_seed(1))
    sets = torch.arange(18.0).reshape(3, 2, 3)
    built, features = arrange(layout, rows, sizes)
    owners = built.spread(torch.arange(3.0)[:, None, None]).long().flatten()
    torch.testing.assert_close(built.spread(sets), sets[owners])
    added = built.add(features, sets)
    y = added.values if isinstance(added, SetBatch) else added.flatten(0, 1)
    present = slice(None) if built.present is None else built.present
    torch.testing.assert_close(y[present], (features + sets[owners])[present])
    assert sorted(owners[present].bincount().tolist()) == sorted(sizes)


def test_empty_sets_are_refused_where_values_can_be_read() -> None:
    x = torch.randn(2, 3, 4)
    mask = torch.tensor([[True, False, True], [False, False, False]])
    with pytest.raises(ShapeError, match=r"all False for the sets \[1\]"):
        as_rows(x, mask, None, "test")
    summed = torch.func.vmap(lambda x, mask: as_rows(x[None], mask[None], None, "test")[1])(x, mask)
    assert torch.equal(summed[0, 1], torch.zeros(4))


@pytest.mark.parametrize("kind", REDUCTIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_reductions_of_the_folded_input_are_those_of_its_rows(layout: str, kind: str) -> None:
    sizes = SIZES.get(layout, [4, 1, 3])
    rows = torch.randn(sum(sizes), 2, 3, generator=torch.Generator().manual_seed(1)).double()
    built, features = arrange(layout, rows, sizes)
    reduced = getattr(built, kind)(features, folded=built.folded)
    torch.testing.assert_close(reduced, loop(kind, list(rows.split(sizes))))
    assert (built.folded is None) == (layout in ("ragged", "shuffled"))


@pytest.mark.parametrize(("kind", "cls"), [("dense", Dense), ("padded", Padded)])
def test_the_folded_input_keeps_gradients_expanded(kind: str, cls: type[Dense]) -> None:
    """What is for speed: the gradient of a sum is not written out, and is the same numbers."""
    x = SETS.clone().requires_grad_()
    layout, rows = as_rows(x, MASK if kind == "padded" else None, None, "test")
    assert type(layout) is cls
    assert layout.folded is not None
    by_rows, by_input = layout.sum(rows), layout.sum(rows, folded=layout.folded)
    assert torch.equal(by_rows, by_input)
    one = torch.ones_like(by_rows)
    expanded, written = (
        torch.autograd.grad(y, layout.folded, one, retain_graph=True)[0]
        for y in (by_input, by_rows)
    )
    assert expanded.stride(1) == 0
    assert written.stride(1) != 0
    present = torch.where(MASK[:, :, None, None], 1.0, 0.0) if kind == "padded" else 1.0
    assert torch.equal(expanded * present, written)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_branch_is_the_input_once_more(layout: str) -> None:
    sizes = SIZES.get(layout, [4, 1, 3])
    built, features = arrange(layout, torch.arange(float(6 * sum(sizes))).reshape(-1, 2, 3), sizes)
    assert torch.equal(built.branch(features), features)


@pytest.mark.parametrize(
    ("x", "mask", "message"),
    [
        (SETS[0, 0, 0], None, r"x of shape \(B, N, \*element\), got \(2,\)"),
        ([1.0], None, "got list"),
        (SETS[:, :0], None, "0 elements in 2 sets"),
        (SETS, MASK[:, :2], r"mask \(2, 2\) of torch.bool"),
        (SETS, MASK.float(), "of torch.float32"),
        (SETS, MASK & False, r"all False for the sets \[0, 1\]"),
        (SetBatch.from_list([SETS[0]]), MASK, "a SetBatch and a mask"),
    ],
)
def test_bad_input_gets_a_clear_error(x: object, mask: Tensor | None, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        as_rows(x, mask, None, "test")  # type: ignore[arg-type]


def test_ragged_rows_are_no_copy() -> None:
    batch = SetBatch.from_list([SETS[0], SETS[1]])
    layout, rows = as_rows(batch, None, None, "test")
    assert isinstance(layout, Ragged)
    assert rows is batch.values
    assert layout.folded is None
