"""Families of transformations: parameters, a group, an action, and the geometry of all three.

Requirements that shaped this module:

- a family *owns its geometry*: what its elements are (:attr:`~TransformationFamily.domain`),
  coordinates of its group (:meth:`~TransformationFamily.chart`) and a canonical frame
  (:meth:`~TransformationFamily.frame`), so that whoever fits it decides nothing by names;
- a family is an immutable value: equal by content, hashable, and its ``repr`` can be pasted back.

It deliberately does not learn anything: that is ``eqsets.generative``.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import mul

import torch
from torch import Tensor

from eqsets.errors import OptionError
from eqsets.families.action import Action
from eqsets.families.chart import Chart, FamilyChart, ProductChart
from eqsets.families.domains.domain import Domain
from eqsets.families.domains.images import Images
from eqsets.families.domains.recommend import Finding, Recommendation
from eqsets.families.frame import DiscreteFrame, Frame, IdentityFrame, ProductFrame
from eqsets.families.parameter import Parameter
from eqsets.groups import ProductGroup

__all__ = ["ProductFamily", "TransformationFamily", "factors_of"]


class TransformationFamily(Action):
    r"""Transformations :math:`T_\eta` of the elements of a domain, see :class:`Action`.

    A family gives ``parameters_of_eta``, ``group``, ``element``, ``parameters`` and ``act``. It
    overrides :attr:`domain` unless its elements are images, :meth:`chart` where its parameters are
    no good coordinates, and :meth:`frame` where it knows a canonical frame; see the page "Write a
    family".

    Attributes:
        channels: of a family of images: how many channels they must have; ``None``: any number.
    """

    channels: int | None = None

    @property
    def domain(self) -> Domain:
        """The elements that are transformed; images unless a family says otherwise."""
        return Images(self.channels)

    def chart(self) -> Chart:
        """Return coordinates of the group; here the parameters themselves."""
        return FamilyChart(self)

    def frame(self, *, background: float | None = None, learned: bool = False) -> Frame:
        """Return the canonical frame of the family.

        Here: trying all transformations if they are finitely many, else the identity.

        Args:
            background: the value that counts as nothing; default: that of the domain.
            learned: whether parts of it may be networks, to be trained with :meth:`Frame.loss`.

        Raises:
            OptionError: the family mixes discrete with continuous parameters.
        """
        discrete = [one.levels is not None for one in self.parameters_of_eta]
        if all(discrete):
            return DiscreteFrame(self)
        if any(discrete):
            raise OptionError(
                f"{self!r} has discrete and continuous parameters in one factor, expected one "
                "kind. Make it a product of a discrete family and a continuous one."
            )
        return IdentityFrame(self)

    def recommend(self, findings: Sequence[Finding], shape: tuple[int, ...]) -> Recommendation:
        """Return the element group of a DSS network that fits what was found in data.

        Here: what :meth:`Domain.recommend` says.

        Args:
            findings: claims, one for each component of the chart.
            shape: of one element.
        """
        return self.domain.recommend(findings, shape)

    def check_images(self, x: Tensor, order: int = 1) -> None:
        """Do what :meth:`check` does; deprecated."""
        warnings.warn(
            "family.check_images is deprecated, write family.check.",
            DeprecationWarning,
            stacklevel=2,
        )
        self.check(x, order)

    def unpack(self, g: Tensor) -> Sequence[Tensor]:
        """Return the group elements of the factors; of a family that is no product, ``g`` alone."""
        return [g]

    def pack(self, parts: Sequence[Tensor]) -> Tensor:
        """Return one group element from those of the factors."""
        return parts[0]

    def __mul__(self, other: TransformationFamily) -> ProductFamily:
        """Return the family of both, ``eta`` side by side; the right one acts first."""
        if not isinstance(other, TransformationFamily):
            return NotImplemented
        return ProductFamily(self, other)


@dataclass(frozen=True, init=False)
class ProductFamily(TransformationFamily):
    r"""The product of families whose actions commute: ``affine * hsv``.

    .. math:: T_{(\eta_1, \eta_2)} = T_{\eta_1} \circ T_{\eta_2}

    The last factor acts first, so that colours are changed before pixels are interpolated. The
    actions must commute (colours and positions do, up to the overshoot of a spline); otherwise
    products of group elements would not act as they should.

    Raises:
        OptionError: fewer than two families, a name of a parameter twice, or factors that transform
            different elements: images with different numbers of channels, or images and signals.
    """

    factors: tuple[TransformationFamily, ...]

    def __init__(self, *factors: TransformationFamily) -> None:
        flat: list[TransformationFamily] = []
        for factor in factors:
            flat.extend(factors_of(factor))
        names = Counter(name for factor in flat for name in factor.names)
        twice = sorted(name for name, count in names.items() if count > 1)
        if len(flat) < 2 or twice:
            raise OptionError(
                f"a product of {len(flat)} families has the parameters {', '.join(names)} ("
                f"{', '.join(twice) or 'none'} twice), expected two families or more that have no "
                "parameter in common. Multiply for example affine by hsv."
            )
        object.__setattr__(self, "factors", tuple(flat))
        _ = self.domain  # there must be one

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return tuple(one for factor in self.factors for one in factor.parameters_of_eta)

    @property
    def group(self) -> ProductGroup:
        return ProductGroup(*(factor.group for factor in self.factors))

    @property
    def domain(self) -> Domain:
        return reduce(lambda one, other: one.meet(other), (f.domain for f in self.factors))

    @property
    def tolerance(self) -> float:  # type: ignore[override]
        return sum(factor.tolerance for factor in self.factors)

    @property
    def channels(self) -> int | None:  # type: ignore[override]
        return next((f.channels for f in self.factors if f.channels is not None), None)

    @property
    def interpolates(self) -> bool:
        return any(factor.interpolates for factor in self.factors)

    @property
    def takes_fill(self) -> bool:
        return any(factor.takes_fill for factor in self.factors)

    def element(self, eta: Tensor) -> Tensor:
        self.check_eta(eta)
        sizes = [len(factor.parameters_of_eta) for factor in self.factors]
        pieces = zip(self.factors, eta.split(sizes, -1), strict=True)
        return self.group.pack(*(factor.element(piece) for factor, piece in pieces))

    def parameters(self, g: Tensor) -> Tensor:
        parts = zip(self.factors, self.group.unpack(g), strict=True)
        return torch.cat([factor.parameters(part) for factor, part in parts], -1)

    def act(self, g: Tensor, x: Tensor, *, order: int = 1, fill: float | None = None) -> Tensor:
        """Return the transformed elements; ``fill`` goes to the factors that take one."""
        self.check(x, order)
        self.batch_with(g, x)
        parts = list(zip(self.factors, self.group.unpack(g), strict=True))
        for factor, part in reversed(parts):
            known = {} if fill is None or not factor.takes_fill else {"fill": fill}
            x = factor.act(part, x, order=order, **known)
        return x

    def validity(self, g: Tensor, x_or_size: Tensor | tuple[int, ...]) -> Tensor:
        parts = zip(self.factors, self.group.unpack(g), strict=True)
        return reduce(mul, [factor.validity(part, x_or_size) for factor, part in parts])

    def exact(
        self, size: tuple[int, ...], *batch: int, generator: torch.Generator | None = None
    ) -> Tensor | None:
        parts = [factor.exact(size, *batch, generator=generator) for factor in self.factors]
        if all(part is None for part in parts):
            return None
        identities = [factor.group.identity(*batch) for factor in self.factors]
        pairs = zip(parts, identities, strict=True)
        return self.group.pack(*(one if part is None else part for part, one in pairs))

    def chart(self) -> ProductChart:
        return ProductChart(tuple(factor.chart() for factor in self.factors), self.group)

    def frame(self, *, background: float | None = None, learned: bool = False) -> Frame:
        """Return the frames of the factors side by side; discrete ones alone are tried together."""
        if self.discrete:
            return DiscreteFrame(self)
        frames = [factor.frame(background=background, learned=learned) for factor in self.factors]
        return ProductFrame(frames, self.group)

    def check_content(self, x: Tensor) -> None:
        for factor in self.factors:
            factor.check_content(x)

    def unpack(self, g: Tensor) -> Sequence[Tensor]:
        return self.group.unpack(g)

    def pack(self, parts: Sequence[Tensor]) -> Tensor:
        return self.group.pack(*parts)

    def __repr__(self) -> str:
        return f"ProductFamily({', '.join(map(repr, self.factors))})"


def factors_of(family: TransformationFamily) -> Sequence[TransformationFamily]:
    """Return the factors of a product, or the family alone."""
    return family.factors if isinstance(family, ProductFamily) else (family,)
