"""Measure how far a module is from equivariant, on random inputs.

Requirements that shaped this module:

- errors are relative, so that a layer of tiny outputs cannot pass by being tiny;
- group elements act in float64 whatever the module's dtype, so that the transform adds no error;
- any module with declared types will do: DSS, a whole model, or a layer on rows;
- what is compared is what a feature type claims, its interior: a grid that is padded at its border
  claims nothing there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.equivariance.report import EquivarianceReport, relative_error
from eqsets.equivariance.transformation import SetTransformation, evaluating
from eqsets.errors import EqsetsError, ShapeError
from eqsets.features import FeatureType
from eqsets.groups import Group, TrivialGroup
from eqsets.sets import SetBatch

__all__ = ["equivariance_error"]


def equivariance_error(
    module: nn.Module,
    in_type: FeatureType,
    out_type: FeatureType,
    *,
    samples: int = 8,
    generator: torch.Generator | None = None,
    alignment: str | None = None,
    group: Group | None = None,
    batch: int = 2,
    size: int = 4,
    element_sizes: Sequence[int] | None = None,
    set_axis: bool = True,
    structure: Any = None,
) -> EquivarianceReport:
    r"""Measure :math:`\| f(g \cdot X) - g \cdot f(X) \|`, relative, on random inputs.

    The output may be a set ``(B, N, *out)`` (equivariant to reordering) or one element
    ``(B, *out)`` (invariant to reordering), which its number of axes decides. Interiors are
    compared, see :meth:`eqsets.FeatureType.interior`. The module runs in eval mode, in its own
    dtype (float64 if it has none), and its modes are restored.

    Arguments:
        module: maps ``(B, N, *in_type.layout)`` tensors.
        in_type: type of an element of the input.
        out_type: type of an element of the output; ``InvariantFeatures`` for invariants.
        samples: number of random inputs, each with its own group element.
        generator: source of randomness on the CPU; a fixed seed unless given.
        alignment: ``"shared"`` or ``"independent"``; the module's own unless given, else shared.
        group: the group, where neither a type nor ``module.symmetry`` has one.
        batch: number of sets ``B``.
        size: size of each set ``N``.
        element_sizes: sizes of the axes that ``in_type`` leaves open, such as ``(28, 28)`` for
            images, for modules that take one size only; small ones unless given.
        set_axis: False for a module on rows ``(E, *element)``: only the element group is tried.
        structure: side information that the module takes; ``module.symmetry`` transforms it.

    Raises:
        ShapeError: the module fails on the samples, or its output fits neither form of
            ``out_type``.
        FeatureTypeError: the type cannot draw samples of these sizes.

    Example:
        >>> from eqsets import DSS, element_group
        >>> layer = DSS(element_group("cyclic", size=5), 2, 3).double()
        >>> equivariance_error(layer, layer.in_type, layer.out_type).max < 1e-12
        True
    """
    generator = generator or torch.Generator().manual_seed(0)
    alignment = alignment or getattr(module, "alignment", None) or "shared"
    symmetry = getattr(module, "symmetry", None)
    if element_sizes is not None:
        in_type = in_type.with_sizes(*element_sizes)
    group = group or in_type.group or out_type.group or getattr(symmetry, "group", None)
    weight = _like(module)
    worst = {"permutation": 0.0, "element": 0.0, "joint": 0.0}
    with evaluating(module), torch.no_grad():
        for _ in range(samples):
            moves = SetTransformation.draw(
                group or TrivialGroup(), batch, size, alignment, generator
            )
            if structure is not None:  # it is shared by all sets, and transformed only once
                moves = moves.same_for_all_sets()
            x = in_type.sample(batch, size, generator=generator, dtype=torch.float64).to(weight)
            trial = _Trial(module, in_type, out_type, moves, symmetry, structure, set_axis)
            for kind, error in trial.errors(x, tuple(worst) if set_axis else ("element",)):
                # not max(): NaN must not be swallowed
                worst[kind] = error if not error <= worst[kind] else worst[kind]
    return EquivarianceReport(**worst, samples=samples, dtype=weight.dtype)


def _like(module: nn.Module) -> Tensor:
    """Return a tensor of the dtype and device that the module computes in (float64 if any)."""
    tensors = [*module.parameters(), *module.buffers()]
    floating = (tensor for tensor in tensors if tensor.is_floating_point())
    return next(floating, torch.zeros((), dtype=torch.float64))


@dataclass(frozen=True)
class _Trial:
    """A module and one transformation of its input."""

    module: nn.Module
    in_type: FeatureType
    out_type: FeatureType
    moves: SetTransformation
    symmetry: Any
    structure: Any
    set_axis: bool

    def errors(self, x: Tensor, kinds: Sequence[str]) -> list[tuple[str, float]]:
        """Return the error under each kind of transformation."""
        y = self.first_output(x)
        is_set = y.dim() - len(self.out_type.layout) == 2
        measured = []
        for kind in kinds:
            given, expected, acts = x, y, kind != "permutation"
            if acts:
                given = self.moves.act(self.in_type, given)
                act = self.moves.act if is_set else self.moves.act_on_sets
                expected = act(self.out_type, expected)
            if kind != "element":
                given = self.moves.permute(given)
                expected = self.moves.permute(expected) if is_set else expected
            y_given = self.run(given, acts)
            if acts:
                inside = self.out_type.interior
                y_given, expected = inside(y_given), inside(expected)
            measured.append((kind, relative_error(y_given, expected)))
        return measured

    def first_output(self, x: Tensor) -> Tensor:
        """Run the module on the sample as drawn, and check what it returns."""
        name = type(self.module).__name__
        try:
            y = self.run(x, False)
        except EqsetsError:
            raise
        except RuntimeError as error:
            raise ShapeError(
                f"{name} failed on samples {tuple(x.shape)} of {self.in_type!r}: {error}. Expected "
                "a module that takes such sets. Choose their sizes with size= (of the set) and "
                "element_sizes= (of the axes that the type leaves open)."
            ) from error
        lead = y.dim() - len(self.out_type.layout)
        if lead not in (1, 2) or (lead == 2 and y.shape[:2] != x.shape[:2]):
            raise ShapeError(
                f"{name} gave {tuple(y.shape)}, expected a set "
                f"{self.out_type.describe(('B', 'N'))} or one element "
                f"{self.out_type.describe(('B',))} of the declared out_type. Declare the type that "
                "the module really returns."
            )
        return y

    def run(self, x: Tensor, acts: bool) -> Tensor:
        """Call the module; ``acts`` says that the group element acts on the structure as well."""
        if not self.set_axis:
            rows: Tensor = self.module(x.flatten(0, 1))
            return rows.reshape(*x.shape[:2], *rows.shape[1:])
        if self.structure is None:
            result = self.module(x)
        else:
            side = self.structure
            if acts:
                side = self.symmetry.transform_structure(self.moves.g[0, 0], side)
            result = self.module(x, structure=side)
        if not isinstance(result, Tensor):
            kind = "a SetBatch" if isinstance(result, SetBatch) else type(result).__name__
            raise ShapeError(
                f"{type(self.module).__name__} returned {kind}, expected a tensor. Wrap the module "
                "so that it returns the one tensor that should be equivariant."
            )
        return result
