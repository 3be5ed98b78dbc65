"""Affine transformations of images, with the parameters of the published model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import pi
from types import MappingProxyType

import torch
from torch import Tensor

from eqsets import OptionError, TransformationFamily
from eqsets.families import Parameter, at_least_float32, without_autocast
from eqsets_affine.chart import SPATIAL, AffineChart
from eqsets_affine.exponential import Affine, exponential, logarithm
from eqsets_affine.frame import AffineFrame
from eqsets_affine.matrices import GENERATORS, PlaneGroup, entries, homogeneous, inverse
from eqsets_affine.warping.sampling import overlap
from eqsets_affine.warping.spline import SplineFilter
from eqsets_affine.warping.warp import nearest, warp

__all__ = ["AffineFamily"]

_SPANS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "translation": ("shift_x", "shift_y"),
        "rotation": ("rotation",),
        "similarity": ("shift_x", "shift_y", "rotation", "scale"),
        "affine-no-shear": SPATIAL[:5],
        "affine": SPATIAL,
    }
)

_PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        "shift_x": Parameter("shift_x", "half frames", -0.25, 0.25, role="shift"),
        "shift_y": Parameter("shift_y", "half frames", -0.25, 0.25, role="shift"),
        "rotation": Parameter("rotation", "radians", -pi, pi, 2 * pi, role="rotation"),
        "scale_x": Parameter("scale_x", "log factor", -0.25, 0.25, role="scale"),
        "scale_y": Parameter("scale_y", "log factor", -0.25, 0.25, role="scale"),
        "shear": Parameter("shear", "radians", -0.25, 0.25, role="shear"),
        "scale": Parameter("scale", "log factor", -0.25, 0.25, role="scale"),
    }
)


@dataclass(frozen=True)
class AffineFamily(TransformationFamily):
    r"""Affine maps of the frame, by one exponential of the published generators.

    .. math:: A(\eta) = \exp\Bigl(\sum_i \eta_i G_i\Bigr), \qquad
              (T_\eta x)(p) = x\bigl(A(\eta) \, p\bigr), \qquad
              \mathrm{element}(\eta) = A(\eta)^{-1}

    :math:`A` takes positions of the output to positions of the input, in coordinates where the
    centres of the corner pixels are at :math:`\pm 1` and y points down. So content moves by the
    group element, the inverse: a positive ``shift_x`` moves it to the left, ``shift_y`` up,
    ``rotation`` turns it counter-clockwise, a positive scale makes it smaller.

    ``rotation`` is a circle: it is wrapped into :math:`[-\pi, \pi]` before anything else.

    References:
        Allingham et al., *A Generative Model of Symmetry Transformations*, NeurIPS 2024.

    Arguments:
        kind: ``"translation"`` (2 parameters), ``"rotation"`` (1), ``"similarity"`` (4),
            ``"affine-no-shear"`` (5) or ``"affine"`` (6).
        coordinates: ``"frame"``, as published: both sides of the image reach from -1 to 1, so on
            an image that is not square a rotation is none on the screen. ``"pixels"``: the longer
            side does, and pixels are square.

    Raises:
        OptionError: an argument is none of these.

    Example:
        >>> family = AffineFamily("affine-no-shear")
        >>> family.names
        ('shift_x', 'shift_y', 'rotation', 'scale_x', 'scale_y')
        >>> g = family.element(torch.tensor([0.0, 0.0, torch.pi / 2, 0.0, 0.0]))
        >>> family.act(g, torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]) / 4).mul(4).round()
        tensor([[[2., 4.],
                 [1., 3.]]])
    """

    kind: str
    coordinates: str = "frame"
    _coefficients: SplineFilter = field(
        default_factory=SplineFilter, init=False, repr=False, compare=False
    )
    tolerance = 0.02

    def __post_init__(self) -> None:
        for name, value, known in (
            ("kind", self.kind, sorted(_SPANS)),
            ("coordinates", self.coordinates, ["frame", "pixels"]),
        ):
            if value not in known:
                raise OptionError(
                    f"AffineFamily got {name}={value!r}, expected one of {', '.join(known)}. "
                    "Correct the spelling."
                )

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return tuple(_PARAMETERS[name] for name in _SPANS[self.kind])

    @property
    def group(self) -> PlaneGroup:
        # products of members without shear have shear: the group is that of all affine maps
        return PlaneGroup(SPATIAL if self.kind == "affine-no-shear" else _SPANS[self.kind])

    @property
    def _basis(self) -> list[tuple[float, ...]]:
        return [GENERATORS[name] for name in _SPANS[self.kind]]

    @without_autocast
    def element(self, eta: Tensor) -> Tensor:
        eta = at_least_float32(eta)
        tangent = self.wrap(eta) @ eta.new_tensor(self._basis)
        a, b, x, c, d, y = (-tangent).unbind(-1)
        return homogeneous(exponential(Affine(a, b, c, d, x, y)))

    @without_autocast
    def parameters(self, g: Tensor) -> Tensor:
        """Return the principal logarithm, or NaN where it has none in the span of the generators.

        Products of members of ``"affine-no-shear"`` in general have none: ``"affine"`` has.
        """
        self.batch_of(g)
        g = at_least_float32(g)
        accuracy = 8 * torch.finfo(g.dtype).eps ** 0.5
        a, b, c, d, x, y = logarithm(entries(g), accuracy)
        tangent = -torch.stack([a, b, x, c, d, y], -1)
        basis = g.new_tensor(self._basis)
        eta = tangent @ (basis / basis.square().sum(-1, keepdim=True)).mT
        left = (tangent - eta @ basis).abs().amax(-1, keepdim=True)
        member = left <= accuracy * (1 + tangent.abs().amax(-1, keepdim=True))
        return torch.where(member, eta, torch.nan)

    @without_autocast
    def act(self, g: Tensor, x: Tensor, *, order: int = 1, fill: float = -1.0) -> Tensor:
        self.check(x, order)
        wide = torch.promote_types(x.dtype, torch.float32)  # half precision cannot count pixels
        size = (x.shape[-2], x.shape[-1])
        batch = self.batch_with(g, x)
        maps = self._maps(g.to(x.device, wide), size).expand(*batch, 2, 3).reshape(-1, 2, 3)
        c = x.to(wide)
        if order == 3:
            c = self._coefficients(c)
        elif order == 1 and 1 in size:  # between a pixel and itself
            c = c.expand(*c.shape[:-2], max(2, size[0]), max(2, size[1]))
        c = c.expand(*batch, *c.shape[-3:]).reshape(-1, *c.shape[-3:])
        moved = warp(c, maps, size, order, fill) if order else nearest(c, maps, fill)
        return moved.reshape(*batch, *x.shape[-3:]).to(x.dtype)

    @without_autocast
    def validity(self, g: Tensor, x_or_size: Tensor | tuple[int, ...]) -> Tensor:
        height, width = self.size_of(x_or_size)
        size = (height, width)
        like = x_or_size if isinstance(x_or_size, Tensor) else g
        wide = torch.promote_types(like.dtype, torch.float32)
        maps = self._maps(g.to(like.device, wide), size)
        part = overlap(maps.reshape(-1, 2, 3), size)
        return part.reshape(*self.batch_of(g), 1, *size).to(like.dtype)

    def exact(
        self, size: tuple[int, ...], *batch: int, generator: torch.Generator | None = None
    ) -> Tensor | None:
        """Return whole-pixel shifts, quarter turns of square images, or both."""
        eta = torch.zeros(*batch, len(self.names), dtype=torch.float64)
        turned = self.group.identity(*batch)
        if "rotation" in self.names:
            if size[0] != size[1]:
                return None if self.kind == "rotation" else turned
            index = self.names.index("rotation")
            turns = torch.randint(-1, 3, batch, generator=generator).double()
            eta[..., index] = turns * (pi / 2)
            turned = self.element(eta)
            eta[..., index] = 0.0
        if "shift_x" in self.names:
            for name, step in zip(
                ("shift_x", "shift_y"), self._scales((size[0], size[1])), strict=True
            ):
                pixels = torch.randint(-2, 3, batch, generator=generator).double()
                eta[..., self.names.index(name)] = pixels / step
        return self.group.compose(self.element(eta), turned)

    def chart(self) -> AffineChart:
        """Return shift, rotation and scale of the polar decomposition.

        The five parameters without shear generate all six, so their chart has six.
        """
        parameters = self.parameters_of_eta
        if self.kind == "affine-no-shear":
            shear = replace(parameters[-1], name="shear", unit="radians", role="shear")
            parameters = (*parameters, shear)
        return AffineChart(parameters)

    def frame(self, *, background: float | None = None, learned: bool = False) -> AffineFrame:
        """Return the frame by moments; ``learned``: a network chooses the direction."""
        return AffineFrame(
            self.names,
            square_pixels=self.coordinates == "pixels",
            background=self.domain.background if background is None else background,
            learned=learned,
        )

    def _scales(self, size: tuple[int, int]) -> tuple[float, float]:
        """Return how many pixels 1 is, in x and in y; one pixel alone is as wide as two are."""
        height, width = (max((pixels - 1) / 2, 0.5) for pixels in size)
        if self.coordinates == "pixels":
            return max(height, width), max(height, width)
        return width, height

    def _maps(self, g: Tensor, size: tuple[int, int]) -> Tensor:
        """Return maps of pixels ``(*batch, 2, 3)``; see :func:`eqsets_affine.warping.warp.warp`.

        Counted from the middle, where the identity and whole-pixel shifts lose no digit.
        """
        height, width = size
        along, down = self._scales(size)
        a, b, c, d, x, y = inverse(entries(g))
        ratio = along / down
        start_x, start_y = x * along + (width - 1) / 2, y * down + (height - 1) / 2
        flat = torch.stack([a, b * ratio, start_x, c / ratio, d, start_y], -1)
        maps: Tensor = flat.unflatten(-1, (2, 3))
        return maps
