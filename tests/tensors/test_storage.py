"""Nothing that is done for speed changes a number: memory order, in-place sums, compiled or not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from eqsets import DSS, SetBatch
from eqsets.tensors.storage import as_stored, storage_order, undo, unfold

AGGREGATIONS = ("sum", "mean", "max", "centered", "gated-centered", "sridhar", "aittala")


def images(*shape: int, last: bool) -> Tensor:
    x = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return x.movedim(2, -1).contiguous().movedim(-1, 2) if last else x


def layer(aggregation: str = "sum", alignment: str = "shared") -> DSS:
    torch.manual_seed(0)
    built = DSS("translations", 2, 4, kernel_size=3, aggregation=aggregation, alignment=alignment)
    return built.double()


@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_memory_order_changes_nothing(aggregation: str, alignment: str) -> None:
    module = layer(aggregation, alignment)
    results = []
    for last in (False, True):
        x = images(2, 3, 2, 5, 4, last=last).requires_grad_()
        y = module(x)
        ragged = module(SetBatch.from_list(list(x))).values.reshape(y.shape)
        mask = torch.ones(2, 3, dtype=torch.bool)
        torch.testing.assert_close(ragged, y)
        torch.testing.assert_close(module(x, mask), y)
        (gradient,) = torch.autograd.grad(y.square().sum(), x)
        results.append((y, gradient))
    torch.testing.assert_close(*results)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_derivatives_of_all_kinds(aggregation: str) -> None:
    module = layer(aggregation)
    x = images(1, 3, 2, 3, 3, last=True).requires_grad_()
    # the maximum is compared nowhere near a tie: normal noise has none
    assert torch.autograd.gradcheck(module, (x,), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(module, (x,))


def test_functional_transforms() -> None:
    module, x = layer(), images(2, 3, 2, 4, 4, last=False)

    def loss(x: Tensor) -> Tensor:
        return module(x).square().sum()

    free = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(free), free)
    torch.testing.assert_close(torch.func.grad(loss)(x), expected)
    many = torch.func.vmap(torch.func.grad(loss))(torch.stack([x, 2 * x]))
    torch.testing.assert_close(many[0], expected)
    torch.testing.assert_close(torch.func.vmap(module)(x[None])[0], module(x))


def test_gradients_that_others_hold_do_not_change() -> None:
    # the gradient of the context is added in place to that of the rows: not if a hook has stored it
    module, stored = layer(), []

    def store(_: nn.Module, gradients: tuple[Tensor, ...], __: object) -> None:
        stored.append((gradients[0], gradients[0].clone()))

    module.siamese.register_full_backward_hook(store)
    x = images(2, 3, 2, 4, 4, last=True).requires_grad_()
    module(x).square().sum().backward()
    (seen, copied), gradient = stored[0], x.grad
    assert torch.equal(seen, copied)
    assert gradient is not None
    assert not torch.equal(gradient.reshape(seen.shape), seen)


def test_second_backward_through_a_kept_graph() -> None:
    module = layer()
    x = images(2, 3, 2, 4, 4, last=True).requires_grad_()
    y = module(x).square().sum()
    (once,) = torch.autograd.grad(y, x, retain_graph=True)
    saved = once.clone()
    (twice,) = torch.autograd.grad(y, x)
    torch.testing.assert_close(twice, saved)
    torch.testing.assert_close(once, saved)


def test_the_second_gradient_is_added_in_place() -> None:
    module = layer()
    x = images(4, 8, 2, 16, 16, last=True).requires_grad_()
    y = module(x).sum()
    with torch.profiler.profile(record_shapes=True) as record:
        y.backward()
    sums = [event for event in record.events() if event.name in ("aten::add", "aten::add_")]
    large = [event.name for event in sums if list(event.input_shapes[0]) == list(x.shape)]
    assert large == ["aten::add_"]


def test_storage_order() -> None:
    x = torch.empty(2, 3, 4, 5)
    assert storage_order(x, 1) == [0, 1, 2, 3]
    last = x.to(memory_format=torch.channels_last)
    assert storage_order(last, 1) == [0, 2, 3, 1]
    assert last.permute(storage_order(last, 1)).is_contiguous()
    assert undo([0, 2, 3, 1]) == [0, 3, 1, 2]
    assert as_stored(last, lambda rows: rows.relu(), reduced=0).stride() == last.stride()
    assert unfold(x, torch.Size((6, 4, 5))).shape == (6, 4, 5)
