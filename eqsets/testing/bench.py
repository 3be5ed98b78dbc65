"""The benches on which laws try a module: it is built, given features, moved and called there.

All randomness comes from the one seed of the trial; group elements act in float64.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from eqsets.features import FeatureType
from eqsets.groups import Group
from eqsets.layout import Dense
from eqsets.sets import SetBatch
from eqsets.testing import strategies
from eqsets.testing.spec import Elements, RowCase, SetCase
from eqsets.testing.trial import Trial, randomness

__all__ = ["BATCH", "RowBench", "SetBench", "draw_element"]

BATCH = 2
_ROWS = 3


def draw_element(trial: Trial, group: Group, draws: Elements | None, *batch: int) -> Tensor:
    """Draw group elements ``(*batch, *element_shape)`` and write them down as ``g``."""
    if draws is None:
        return trial.draw("g", strategies.group_elements(group, *batch))
    if not batch:
        return trial.draw("g", draws(group))
    many = [trial.draw("g", draws(group)) for _ in range(torch.Size(batch).numel())]
    return torch.stack(many).reshape(*batch, *group.element_shape)


class RowBench:
    """A module on rows ``(E, *element)`` in float64, and features for it."""

    def __init__(self, trial: Trial, case: RowCase) -> None:
        self.trial, self.case = trial, case
        self.module = trial.build(case.build).double().eval()
        self.structure = None if case.structure is None else case.structure(trial.generator())
        self.x = self.features(trial.generator())

    def features(self, generator: torch.Generator) -> Tensor:
        """Return rows as the type samples them."""
        x = self.case.in_type.sample(_ROWS, generator=generator, dtype=torch.float64)
        self.trial.note(shape=tuple(x.shape), dtype=x.dtype)
        return x

    def draw(self) -> Tensor:
        """Draw a group element for each row; one for all where they share a structure."""
        shared = self.structure is not None
        batch = () if shared else (_ROWS,)
        return draw_element(self.trial, self.case.group, self.case.draws, *batch)

    def run(self, x: Tensor, g: Tensor | None = None) -> Tensor:
        """Call the module on a copy of ``x``; ``g`` moves the structure as well."""
        if self.case.call is not None:
            return self.case.call(self.module, x.clone())
        if self.structure is None:
            actual: Tensor = self.module(x.clone())
            return actual
        symmetry, side = self.case.symmetry, self.structure
        if g is not None:
            side = symmetry.transform_structure(g, side)
        arguments = symmetry.structure(side).rows(Dense(1, len(x)))
        rows: Tensor = self.module(x.clone(), *arguments)
        return rows

    def gap(self) -> float:
        """Return the size below which differences are rounding."""
        return float(8 * torch.finfo(torch.float64).eps * self.x.norm())

    def equivariant(self, budget: float) -> None:
        """Require that moving the rows moves the output along."""
        g = self.draw()
        moved = self.run(self.case.in_type.transform(g, self.x), g)
        expected = self.case.out_type.transform(g, self.run(self.x))
        inside = self.case.out_type.interior
        self.trial.compare(inside(moved), inside(expected), budget, self.case.label, self.gap())


class SetBench:
    """A module on sets ``(B, N, *element)``, in float64 and eval mode unless asked otherwise."""

    def __init__(
        self, trial: Trial, case: SetCase, size: int, dtype: torch.dtype = torch.float64
    ) -> None:
        self.trial, self.case, self.dtype = trial, case, dtype
        self.module: nn.Module = trial.build(case.build).to(dtype).eval()
        self.structure = None if case.structure is None else case.structure(trial.generator())
        self.x = self.sets(BATCH, size)

    def to(self, dtype: torch.dtype) -> None:
        """Move the module to another dtype, and what it is given by keyword with it."""
        self.module, self.dtype = self.module.to(dtype), dtype

    def sets(self, batch: int, size: int, shift: int = 0) -> Tensor:
        """Return sets ``(batch, size, *element)`` as the type samples them."""
        generator = torch.Generator().manual_seed(self.trial.seed + shift)
        x = self.case.in_type.sample(batch, size, generator=generator, dtype=torch.float64)
        self.trial.note(n=size, shape=tuple(x.shape), dtype=self.dtype)
        return x.to(self.dtype)

    def call(self, x: Any, mask: Tensor | None = None, g: Tensor | None = None) -> Any:
        """Call the module on a copy, with randomness seeded; ``g`` moves the structure as well."""
        x = x.replace(x.values.clone()) if isinstance(x, SetBatch) else x.clone()
        with randomness(self.trial.seed):
            return self.module(x, **self.options(mask, g))

    def options(self, mask: Tensor | None = None, g: Tensor | None = None) -> dict[str, Any]:
        """Return the keyword arguments of a call: mask and structure, where there are any."""
        options = {} if mask is None else {"mask": mask}
        if self.structure is not None:
            side, symmetry = self.structure, self.case.symmetry
            if g is not None and symmetry is not None:
                side = symmetry.transform_structure(g, side)
            options["structure"] = pytree.tree_map(self._cast, side)
        return options

    def looped(self, x: Tensor) -> list[Tensor]:
        """Return the output for each set, as the oracle of the case computes it."""
        oracle = self.case.oracle
        if oracle is None:
            raise AssertionError("the law ranges over modules with an oracle")
        given = tuple(self.options().values())
        loops = [oracle(self.module, list(one), *given) for one in x]
        return [one[0] if self.case.reduces else torch.stack(one) for one in loops]

    def layouts(self, x: Tensor) -> list[tuple[str, Any, Tensor | None]]:
        """Return ``(layout, sets, mask)``: the same sets in every layout that the case claims.

        The padded one has one position of padding behind, whose values are large.
        """
        claims = self.case.capabilities
        given: list[tuple[str, Any, Tensor | None]] = [("dense", x.clone(), None)]
        if claims.padded:
            tail = torch.full_like(x[:, :1], 9.0)
            mask = torch.arange(x.shape[1] + 1).expand(len(x), -1) < x.shape[1]
            given.append(("padded", torch.cat([x, tail], 1), mask))
        if claims.ragged:
            given.append(("ragged", SetBatch.from_list(list(x.clone())), None))
        return given

    def _cast(self, part: Any) -> Any:
        """Bring positions and weights of a structure to the dtype of the module."""
        floating = isinstance(part, Tensor) and part.is_floating_point()
        return part.to(self.dtype) if floating else part

    def run(self, x: Tensor, mask: Tensor | None = None, g: Tensor | None = None) -> Tensor:
        """Call the module on a dense or padded tensor.

        Raises:
            LawViolation: it does not return a tensor.
        """
        actual = self.call(x, mask, g)
        self.trial.expect(
            isinstance(actual, Tensor),
            f"{self.case.label} returned {type(actual).__name__} for a tensor, expected a tensor",
        )
        tensor: Tensor = actual
        return tensor

    def draw(self, *lead: int) -> Tensor:
        """Draw group elements, as the alignment has it, that broadcast against ``(B, N)``.

        Arguments:
            lead: ``(B,)`` to move each set by its own, nothing to move all sets by the same one.
        """
        group, draws = self.case.group, self.case.draws
        if self.structure is not None:
            return draw_element(self.trial, group, draws)
        if self.case.alignment == "independent":
            return draw_element(self.trial, group, draws, *lead, self.x.shape[1])
        return draw_element(self.trial, group, draws, *lead, *([1] if lead else []))

    def move(self, feature_type: FeatureType, g: Tensor, x: Tensor, *, output: bool) -> Tensor:
        """Return ``g`` acting on an input, or on what the module returned."""
        if output and self.case.reduces and g.dim() > len(self.case.group.element_shape):
            # one output for the whole set: it moves with the g that all elements share
            g = g.select(-1 - len(self.case.group.element_shape), 0)
        return feature_type.transform(g, x.double()).to(x.dtype)

    def move_in(self, g: Tensor, x: Tensor) -> Tensor:
        """Return ``g`` acting on an input."""
        return self.move(self.case.in_type, g, x, output=False)

    def move_out(self, g: Tensor, y: Tensor) -> Tensor:
        """Return ``g`` acting on an output."""
        return self.move(self.case.out_type, g, y, output=True)

    def reorder_in(self, x: Tensor, order: Tensor) -> Tensor:
        """Return an input with its sets reordered."""
        return permute(x, order)

    def reorder(self, y: Tensor, order: Tensor) -> Tensor:
        """Return an output of reordered sets: ``(B, N, ...)`` by ``order``, one output as it is."""
        return y if self.case.reduces else permute(y, order)

    def compare_moved(self, actual: Tensor, expected: Tensor, budget: float) -> None:
        """Compare outputs, one of them moved, where the type claims its action."""
        inside = self.case.out_type.interior
        self.compare(inside(actual), inside(expected), budget)

    def compare(self, actual: Tensor, expected: Tensor, budget: float, what: str = "") -> None:
        """Compare outputs relatively; differences far below the size of the input are rounding.

        A norm multiplies the rounding of what it divides: factors up to 2.8 were measured. So
        modules with norms have four times the budget.
        """
        if any("norm" in type(part).__name__.lower() for part in self.module.modules()):
            budget *= 4
        eps = min(torch.finfo(self.dtype).eps, torch.finfo(torch.float32).eps)
        floor = float(8 * eps * self.x.double().norm())
        label = f"{self.case.label}, {what}" if what else self.case.label
        self.trial.compare(actual, expected, budget, label, floor)


def permute(x: Tensor, order: Tensor) -> Tensor:
    """Return ``x: (B, N, ...)`` in another order, ``(N,)`` for all sets or ``(B, N)``."""
    if order.dim() == 1:
        return x[:, order]
    return x[torch.arange(len(x))[:, None], order]
