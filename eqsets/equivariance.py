"""Measure how far a module is from equivariant, as a number for one module or for every layer.

Requirements that shaped this module:

- errors are relative, so that a layer of tiny outputs cannot pass by being tiny;
- group elements act in float64 whatever the module's dtype, so that the transform adds no error;
- any module with declared types will do: DSS, a whole model, or a layer on rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.errors import FeatureTypeError, ShapeError, choices
from eqsets.features import FeatureType
from eqsets.groups import Group, TrivialGroup
from eqsets.sets import SetBatch

__all__ = ["EquivarianceReport", "Moves", "equivariance_error", "evaluating", "relative_error"]


def relative_error(a: Tensor, b: Tensor) -> float:
    r"""Return :math:`2\|a - b\| / (\|a\| + \|b\|)` in float64; 0 where both vanish.

    Example:
        >>> relative_error(torch.tensor([1.0]), torch.tensor([3.0]))
        1.0
    """
    a, b = a.detach().double(), b.detach().double()
    scale = float(a.norm() + b.norm())
    gap = float((a - b).norm())
    return 0.0 if gap == 0.0 else 2 * gap / scale


@dataclass(frozen=True)
class EquivarianceReport:
    """Relative errors of a module under the symmetries of a set.

    Attributes:
        permutation: largest error under reordering the set.
        element: largest error under the element group.
        joint: largest error under both at once.
        samples: number of random inputs and group elements.
        dtype: number type of the module.
    """

    permutation: float
    element: float
    joint: float
    samples: int
    dtype: torch.dtype

    @property
    def max(self) -> float:
        """The largest of the errors."""
        return max(self.permutation, self.element, self.joint)

    def __float__(self) -> float:
        return self.max

    def __str__(self) -> str:
        return (
            f"equivariance error {self.max:.1e} (permutation {self.permutation:.1e}, element "
            f"{self.element:.1e}, joint {self.joint:.1e}; {self.samples} samples, {self.dtype})"
        )


@dataclass(frozen=True)
class Moves:
    """One random symmetry of a batch of sets: a permutation of each set, and group elements.

    Attributes:
        order: ``(B, N)``, place ``i`` of the moved set holds element ``order[i]``.
        g: ``(B, N, *element_shape)``; equal along ``N`` where the alignment is shared.
    """

    order: Tensor
    g: Tensor

    @classmethod
    def draw(
        cls, group: Group, batch: int, size: int, alignment: str, generator: torch.Generator
    ) -> Moves:
        """Draw uniform permutations, and group elements as the alignment has it."""
        if alignment not in ("shared", "independent"):
            raise FeatureTypeError(
                f"got alignment={alignment!r}: {choices(alignment, ('shared', 'independent'))}"
            )
        order = torch.rand(batch, size, generator=generator).argsort(1)
        members = 1 if alignment == "shared" else size
        g = group.sample(batch, members, generator=generator)
        return cls(order, g.expand(batch, size, *group.element_shape))

    def permute(self, x: Tensor) -> Tensor:
        """Reorder ``x: (B, N, ...)``."""
        order = self.order.to(x.device)
        return x[torch.arange(len(x), device=x.device)[:, None], order]

    def transform(self, feature_type: FeatureType, x: Tensor) -> Tensor:
        """Move every element of ``x: (B, N, *element)``, in float64."""
        return feature_type.transform(self.g.to(x.device), x.double()).to(x.dtype)


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
    set_axis: bool = True,
    structure: Any = None,
) -> EquivarianceReport:
    r"""Measure :math:`\| f(g \cdot X) - g \cdot f(X) \|`, relative, on random inputs.

    The output may be a set ``(B, N, *out)`` (equivariant to reordering) or one element
    ``(B, *out)`` (invariant to reordering); its number of axes tells. The module runs in eval mode,
    in its own dtype (float64 if it has none), and is left as it was.

    Arguments:
        module: maps ``(B, N, *in_type.layout)`` tensors.
        in_type: type of an element of the input.
        out_type: type of an element of the output; ``InvariantFeatures`` for invariants.
        samples: number of random inputs, each with its own group element.
        generator: source of randomness on the CPU; a fixed seed unless given.
        alignment: ``"shared"`` or ``"independent"``; the module's own unless given, else shared.
        group: the group, where neither type nor ``module.symmetry`` says it.
        batch: number of sets ``B``.
        size: size of each set ``N``.
        set_axis: False for a module on rows ``(E, *element)``: only the element group is tried.
        structure: side information that the module takes; it moves by ``module.symmetry``.

    Raises:
        ShapeError: the output fits neither form of ``out_type``.

    Example:
        >>> from eqsets import DSS, element_group
        >>> layer = DSS(element_group("cyclic", size=5), 2, 3).double()
        >>> equivariance_error(layer, layer.in_type, layer.out_type).max < 1e-12
        True
    """
    generator = generator or torch.Generator().manual_seed(0)
    alignment = alignment or getattr(module, "alignment", None) or "shared"
    symmetry = getattr(module, "symmetry", None)
    group = group or in_type.group or out_type.group or getattr(symmetry, "group", None)
    weight = _kind(module)
    worst = {"permutation": 0.0, "element": 0.0, "joint": 0.0}
    with evaluating(module), torch.no_grad():
        for _ in range(samples):
            moves = Moves.draw(group or TrivialGroup(), batch, size, alignment, generator)
            x = in_type.sample(batch, size, generator=generator, dtype=torch.float64).to(weight)
            run = _runner(module, moves, symmetry, structure, set_axis, x.shape[:2])
            y = run(x, False)
            lead = y.dim() - len(out_type.layout)
            if lead not in (1, 2) or (lead == 2 and y.shape[:2] != x.shape[:2]):
                raise ShapeError(
                    f"{type(module).__name__} gave {tuple(y.shape)}, expected a set "
                    f"{out_type.describe(('B', 'N'))} or one element {out_type.describe(('B',))} "
                    "of the declared out_type. Declare the type that the module really returns."
                )
            for kind in worst if set_axis else ("element",):
                moved_x, moved_y, turned = x, y, kind != "permutation"
                if turned:
                    moved_x = moves.transform(in_type, moved_x)
                    moved_y = _transform_output(moves, out_type, moved_y, lead)
                if kind != "element":
                    moved_x = moves.permute(moved_x)
                    moved_y = moves.permute(moved_y) if lead == 2 else moved_y
                found = run(moved_x, turned)
                if turned:
                    found, moved_y = out_type.interior(found), out_type.interior(moved_y)
                error = relative_error(found, moved_y)
                # not max(): NaN must not be swallowed
                worst[kind] = error if not error <= worst[kind] else worst[kind]
    return EquivarianceReport(**worst, samples=samples, dtype=weight.dtype)


def _kind(module: nn.Module) -> Tensor:
    """Return a tensor of the dtype and device that the module computes in (float64 if any)."""
    tensors = [*module.parameters(), *module.buffers()]
    floating = (tensor for tensor in tensors if tensor.is_floating_point())
    return next(floating, torch.zeros((), dtype=torch.float64))


def _runner(
    module: nn.Module,
    moves: Moves,
    symmetry: Any,
    structure: Any,
    set_axis: bool,
    lead: torch.Size,
) -> Callable[[Tensor, bool], Tensor]:
    def run(x: Tensor, turned: bool) -> Tensor:
        if not set_axis:
            rows: Tensor = module(x.flatten(0, 1))
            return rows.reshape(*lead, *rows.shape[1:])
        if structure is None:
            result = module(x)
        else:
            side = symmetry.transform_structure(moves.g[0, 0], structure) if turned else structure
            result = module(x, structure=side)
        if not isinstance(result, Tensor):
            kind = "a SetBatch" if isinstance(result, SetBatch) else type(result).__name__
            raise ShapeError(
                f"{type(module).__name__} returned {kind}, expected a tensor. Wrap the module so "
                "that it returns the one tensor that should be equivariant."
            )
        return result

    return run


def _transform_output(moves: Moves, out_type: FeatureType, y: Tensor, lead: int) -> Tensor:
    if lead == 2:
        return moves.transform(out_type, y)
    # One element for the whole set: it moves with the h that all share.
    one = Moves(moves.order, moves.g[:, :1])
    return one.transform(out_type, y[:, None])[:, 0]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into eval mode for a while, and every part back as it was."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training
