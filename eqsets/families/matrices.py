r"""Vectors under a matrix group: which of its one-parameter subgroups act.

A group is given by a basis :math:`A_1, ..., A_k` of its Lie algebra, or by anything that has one.
Coordinates are those of one exponential,

.. math:: g = \exp\Bigl(\sum_k \eta_k A_k\Bigr), \qquad x \mapsto g x ,

and a pose is moved along one subgroup by :math:`\exp(a A_k)` from the left, whatever the others
are: groups need not commute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import Any

import torch
from torch import Tensor

from eqsets.errors import OptionError
from eqsets.families.chart import Chart
from eqsets.families.domains import Vectors
from eqsets.families.domains.advice import rest_of
from eqsets.families.domains.recommend import Finding, Recommendation
from eqsets.families.family import TransformationFamily
from eqsets.families.logarithm import matrix_logarithm
from eqsets.families.parameter import Parameter
from eqsets.families.precision import at_least_float32, without_autocast
from eqsets.groups import MatrixGroup

__all__ = ["LinearMaps", "MatrixChart", "MatrixFamily"]

Matrix = tuple[tuple[float, ...], ...]

_REACH = 1.2  # norm of the logarithms that are searched, all together: a logarithm must exist
_EXACT = 1e-6


class LinearMaps(MatrixGroup):
    """A matrix group whose products are in float32 at least, also under autocast."""

    @without_autocast
    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return g @ h

    @without_autocast
    def inverse(self, g: Tensor) -> Tensor:
        return super().inverse(g)

    @without_autocast
    def exp(self, tangent: Tensor) -> Tensor:
        return super().exp(tangent)


@dataclass(frozen=True, init=False)
class MatrixFamily(TransformationFamily):
    """Linear maps of vectors ``(d,)``, by a Lie algebra.

    Arguments:
        given: a Lie algebra ``(k, d, d)``; or a group, an element symmetry such as
            :class:`~eqsets.GeneratedSymmetry`, or anything else with a ``lie_algebra()``.
        names: one for each generator; default: ``subgroup_1`` and so on.

    Raises:
        OptionError: there is no Lie algebra, or the names are not one for each generator.

    Example:
        >>> boosts = MatrixFamily([[[0.0, 1.0], [1.0, 0.0]]], names=("boost",))
        >>> boosts.act(boosts.element(torch.tensor([0.0])), torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
        >>> MatrixFamily.rotations(3).names
        ('rotation_12', 'rotation_13', 'rotation_23')
    """

    algebra: tuple[Matrix, ...]
    labels: tuple[str, ...]

    def __init__(self, given: Any, names: Sequence[str] | None = None) -> None:
        basis = _algebra(given)
        known = [f"subgroup_{k + 1}" for k in range(len(basis))] if names is None else list(names)
        if len(known) != len(basis):
            raise OptionError(
                f"MatrixFamily got {len(known)} names for {len(basis)} generators, expected one "
                "for each. Leave names= out, or name all."
            )
        rows = tuple(tuple(map(tuple, one)) for one in basis.tolist())
        object.__setattr__(self, "algebra", rows)
        object.__setattr__(self, "labels", tuple(known))

    @classmethod
    def rotations(cls, dims: int) -> MatrixFamily:
        """Return the rotations of ``dims`` dimensions, one subgroup for each plane of two axes."""
        planes = [(i, j) for i in range(dims) for j in range(i + 1, dims)]
        basis = torch.zeros(len(planes), dims, dims, dtype=torch.float64)
        for k, (i, j) in enumerate(planes):
            basis[k, j, i], basis[k, i, j] = 1.0, -1.0
        return cls(basis, [f"rotation_{i + 1}{j + 1}" for i, j in planes])

    @property
    def basis(self) -> Tensor:
        """The Lie algebra, ``(k, d, d)`` in float64."""
        return torch.tensor(self.algebra, dtype=torch.float64)

    @property
    def domain(self) -> Vectors:
        return Vectors(len(self.algebra[0]))

    @property
    def group(self) -> LinearMaps:
        return LinearMaps(self.algebra)

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        """The coefficients; a circle only where there is a single subgroup that is one."""
        if len(self.labels) == 1:
            return self.chart().parameters
        sizes = torch.linalg.matrix_norm(self.basis, 2).tolist()
        halves = [_REACH / (len(sizes) * size) for size in sizes]
        return tuple(
            Parameter(one.name, one.unit, -half, half, role=one.role)
            for one, half in zip(self.chart().parameters, halves, strict=True)
        )

    def chart(self) -> MatrixChart:
        return MatrixChart(self.algebra, self.labels)

    def element(self, eta: Tensor) -> Tensor:
        self.check_eta(eta)
        return self.chart().element(eta)

    def parameters(self, g: Tensor) -> Tensor:
        self.batch_of(g)
        eta = self.chart().coordinates(g)
        gap = (self.chart().element(eta) - g).abs().amax((-2, -1))
        member = gap <= 1e-4 * (1 + g.abs().amax((-2, -1)))
        return self.wrap(torch.where(member[..., None], eta, torch.nan))

    def recommend(self, findings: Sequence[Finding], shape: tuple[int, ...]) -> Recommendation:
        """Return the matrix group of the subgroups that act fully, and its layer."""
        full = [one for one in findings if one.verdict == "full"]
        if not full:
            return super().recommend(findings, shape)
        chosen = [list(map(list, self.algebra[self.labels.index(one.name)])) for one in full]
        code = (
            "import eqsets\n\n"
            f"vectors = eqsets.GeneratedSymmetry(lie_algebra={chosen})\n"
            "layer = eqsets.DSS(element_group=vectors, in_features=1, out_features=16)\n"
            "# layer(x): x of shape (B, N, d, 1), sets of one vector each"
        )
        reasons = (
            *(one.sentence for one in full),
            "the layer holds all linear maps that commute with the group of these subgroups.",
            *rest_of(findings, (), {one.name for one in full}),
        )
        return Recommendation("generated", "pip install eqsets", code, reasons)

    @without_autocast
    def act(self, g: Tensor, x: Tensor, *, order: int = 1) -> Tensor:
        """Return ``g x``; ``order`` does not matter: nothing is interpolated."""
        self.check(x, order)
        self.batch_with(g, x)
        wide = torch.promote_types(x.dtype, torch.float32)
        return (g.to(x.device, wide) @ x.to(wide)[..., None])[..., 0].to(x.dtype)

    def exact(
        self, size: tuple[int, ...], *batch: int, generator: torch.Generator | None = None
    ) -> Tensor:
        return self.element(self.sample(*batch, generator=generator, dtype=torch.float64))


@dataclass(frozen=True)
class MatrixChart(Chart):
    """Coefficients of the logarithm; subgroups that close are circles.

    Arguments:
        algebra: generators.
        labels: their names.
    """

    algebra: tuple[Matrix, ...]
    labels: tuple[str, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:  # type: ignore[override]
        rows = zip(self.labels, self.algebra, strict=True)
        return tuple(_parameter(name, torch.tensor(one, dtype=torch.float64)) for name, one in rows)

    @without_autocast
    def element(self, z: Tensor) -> Tensor:
        z = at_least_float32(z)
        g: Tensor = torch.linalg.matrix_exp(torch.einsum("...k,kij->...ij", z, self._basis(z)))
        return g

    @without_autocast
    def coordinates(self, g: Tensor) -> Tensor:
        g = at_least_float32(g)
        basis = self._basis(g).double().flatten(1)
        inverse: Tensor = torch.linalg.pinv(basis)
        return (matrix_logarithm(g.double()).flatten(-2) @ inverse).to(g.dtype)

    def along(self, z: Tensor, index: int, steps: Tensor) -> Tensor:
        """Return ``exp(a A_k) g``: all other coordinates stay."""
        moved: Tensor = torch.linalg.matrix_exp(steps[:, None, None] * self._basis(z)[index])
        return moved @ self.element(z)[:, None]

    @without_autocast
    def mean(self, g: Tensor, weights: Tensor) -> Tensor:
        """Return the mean of the matrices, taken back to the group."""
        share = self.shares(weights).to(g.dtype)[..., None, None]
        return self.element(self.coordinates((share * g).sum(1)))

    def _basis(self, like: Tensor) -> Tensor:
        return like.new_tensor(self.algebra)


def _parameter(name: str, generator: Tensor) -> Parameter:
    """Return the parameter of a one-parameter subgroup, a circle if it closes."""
    values = torch.linalg.eigvals(generator)
    size = float(torch.linalg.matrix_norm(generator, 2))
    speeds = values.imag.abs()[values.imag.abs() > _EXACT * size]
    if len(speeds) and float(values.real.abs().max()) <= _EXACT * size:
        period = 2 * pi / float(speeds.min())
        turned = torch.linalg.matrix_exp(period * generator)
        if float((turned - torch.eye(len(turned), dtype=turned.dtype)).abs().max()) < _EXACT:
            unit = "radians" if abs(period - 2 * pi) < _EXACT else "units"
            return Parameter(name, unit, -period / 2, period / 2, period, role="rotation")
    return Parameter(name, "units", -0.5 / size, 0.5 / size)


def _algebra(given: Any) -> Tensor:
    for _ in range(2):  # an element symmetry has a group, which has a Lie algebra
        given = getattr(given, "group", given)
    basis: Tensor | None = given.lie_algebra() if hasattr(given, "lie_algebra") else given
    try:
        basis = None if basis is None else torch.as_tensor(basis, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        basis = None
    shape = () if basis is None else tuple(basis.shape)
    if basis is None or len(shape) != 3 or shape[1] != shape[2] or not basis.numel():
        raise OptionError(
            f"MatrixFamily got {given!r}, which has no Lie algebra (shape {shape}), expected "
            "matrices (k, d, d), or a continuous matrix group. Write "
            "MatrixFamily(torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])) for rotations of the plane."
        )
    if float(torch.linalg.matrix_norm(basis, 2).min()) == 0:
        raise OptionError(
            "MatrixFamily got a generator of zeros, expected a basis of the Lie algebra. Leave it "
            "out."
        )
    return basis.cpu()
