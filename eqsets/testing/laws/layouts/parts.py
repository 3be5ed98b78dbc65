"""S: elements of unequal numbers of parts give what they give alone, dense and padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from eqsets.sets import PartBatch
from eqsets.testing.law import Law, law
from eqsets.testing.spec import ContractSpec, PartCase
from eqsets.testing.tolerance import coarse, rounding
from eqsets.testing.trial import Trial

__all__ = ["LAWS"]

_BUDGET = rounding(torch.float64)

Elements = list[list[Tensor]]
Sides = list[list[Any]]


def parted(subject: ContractSpec) -> Sequence[PartCase] | str:
    """Return the modules on elements of unequal sizes that a subject declares."""
    if not subject.parted and not subject.sets:
        return ()
    return subject.parted or "no module takes elements of unequal numbers of parts"


def _drawn(case: PartCase, trial: Trial) -> tuple[Elements, Sides]:
    """Return the elements of each set, and their side information."""
    generator = trial.generator()
    layout = [size for size in case.in_type.layout[1:] if isinstance(size, int)]
    elements = [
        [torch.randn(n, *layout, generator=generator, dtype=torch.float64) for n in sizes]
        for sizes in case.sizes
    ]
    if case.side is None:
        return elements, [[None for _ in one] for one in elements]
    return elements, [[case.side(n, generator) for n in sizes] for sizes in case.sizes]


def _module(case: PartCase, trial: Trial) -> torch.nn.Module:
    module = trial.build(case.build).double().eval()
    generator = trial.generator()
    with torch.no_grad():
        for parameter in module.parameters():  # also of layers that start at zero
            noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            parameter.add_(0.3 * noise)
    return module


def _sizes(elements: Elements) -> list[list[int]]:
    return [[len(x) for x in one] for one in elements]


def _run(module: torch.nn.Module, case: PartCase, elements: Elements, sides: Sides) -> Any:
    side = {} if case.join is None else {"structure": case.join(sides, _sizes(elements))}
    return module(PartBatch.from_list(elements), **side)


def _padded(
    module: torch.nn.Module, case: PartCase, elements: Elements, sides: Sides, value: float
) -> tuple[Any, Tensor, Tensor]:
    """Return the output for padded tensors whose padding holds ``value``, input and mask."""
    x, mask = PartBatch.from_list(elements).to_padded()
    x = torch.where(mask.reshape(*mask.shape, *[1] * (x.dim() - 3)), x, value).requires_grad_()
    side = {} if case.pad is None else {"structure": case.pad(sides, _sizes(elements), mask.shape)}
    return module(x, mask, **side), x, mask


def _flat(y: Any) -> Tensor:
    """Return features of elements as one tensor, or vectors as they are."""
    values: Tensor = y.values if isinstance(y, PartBatch) else y
    return values


@law(
    "EQS17-unequal-parts",
    "Sets of elements with unequal numbers of parts give what each set gives alone, as a dense "
    "tensor where its sizes are equal, and padded by a mask, whatever the padding holds.",
    breaks="a norm, a mean or neighbours over padded points, an index that counts equal sizes",
    cases=parted,
    once=True,
)
def unequal_parts(case: PartCase, trial: Trial) -> None:
    module = _module(case, trial)
    elements, sides = _drawn(case, trial)
    y = _run(module, case, elements, sides)
    alone = [_run(module, case, [x], [side]) for x, side in zip(elements, sides, strict=True)]
    expected = torch.cat([_flat(one) for one in alone])
    trial.compare(_flat(y), expected, _BUDGET, f"{case.label}: each set alone")
    weights = list(module.parameters())
    gradients = torch.autograd.grad(_flat(y).square().sum(), weights, allow_unused=True)
    for value in (0.0, 1e3, torch.nan, torch.inf):
        trial.note(padding_holds=value)
        padded, x, mask = _padded(module, case, elements, sides, value)
        of_mask = padded[mask] if case.out_type is not None else padded
        trial.compare(of_mask, _flat(y), _BUDGET, f"{case.label}: padded")
        trial.expect(bool(padded.isfinite().all()), f"{case.label}: padding is in the output")
        own = torch.autograd.grad(padded.square().sum(), [x, *weights], allow_unused=True)
        trial.expect(
            own[0] is not None and not bool(own[0][~mask].any()),
            f"{case.label}: a gradient at the padding",
        )
        for a, b in zip(own[1:], gradients, strict=True):
            trial.expect((a is None) == (b is None), f"{case.label}: a weight without a gradient")
            if a is not None and b is not None:
                trial.compare(a, b, _BUDGET, f"{case.label}: gradients, padded", floor=1e-12)
    for same, side, one in zip(elements, sides, alone, strict=True):
        if len({len(each) for each in same}) == 1 and (case.stack or case.side is None):
            given = {} if case.stack is None else {"structure": case.stack(side)}
            dense = module(torch.stack(same)[None], **given)
            dense = dense[0].flatten(0, 1) if case.out_type is not None else dense
            trial.compare(dense, _flat(one), _BUDGET, f"{case.label}: dense")


@law(
    "EQS18-unequal-parts-move",
    "Elements with unequal numbers of parts, moved by group elements and reordered in their set, "
    "move and reorder the output.",
    breaks="a sum over parts that do not correspond, side information of another element",
    cases=parted,
    once=True,
    after=("EQS17-unequal-parts",),
)
def unequal_parts_move(case: PartCase, trial: Trial) -> None:
    module = _module(case, trial).requires_grad_(False)
    elements, sides = _drawn(case, trial)
    y = _run(module, case, elements, sides)
    generator = trial.generator()
    moves = [[case.group_element(len(x), generator) for x in one] for one in elements]
    if case.alignment == "shared":
        moves = [[one[0] for _ in one] for one in moves]
    moved, turned = [], []
    for one, side, g in zip(elements, sides, moves, strict=True):
        moved.append([case.in_type.transform(h, x) for h, x in zip(g, one, strict=True)][::-1])
        new = [case.move(h, s) if case.move else s for h, s in zip(g, side, strict=True)]
        turned.append(new[::-1])
    actual = _run(module, case, moved, turned)
    if case.out_type is None:
        trial.compare(actual, y, coarse(case.tolerance), f"{case.label}: moved")
        return
    kind = case.out_type
    for of, now, g in zip(y.to_list(), actual.to_list(), moves, strict=True):
        for x, z, h in zip(of, now[::-1], g, strict=True):
            what = f"{case.label}: moved"
            trial.compare(z, kind.transform(h, x), coarse(case.tolerance), what)


LAWS: tuple[Law, ...] = (unequal_parts, unequal_parts_move)
"""The laws of the family about elements of unequal sizes."""
