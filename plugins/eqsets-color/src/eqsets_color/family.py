"""Families of colour transformations, with the parameters of the published model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets import OptionError, TransformationFamily
from eqsets.families import Parameter, at_least_float32
from eqsets_color.convert import clip, hsv_of, rgb_of
from eqsets_color.frame import ColorFrame
from eqsets_color.group import ColorGroup

__all__ = ["ColorFamily", "hsv", "hue", "hue_saturation"]

_PARAMETERS = (
    Parameter("hue", "turns", -0.5, 0.5, 1.0, role="hue"),
    Parameter("saturation", "log factor", -2.31, 2.31, role="value"),
    Parameter("value", "log factor", -0.51, 0.51, role="value"),
)
_KINDS = ("hue", "hue-saturation", "hsv")


@dataclass(frozen=True)
class ColorFamily(TransformationFamily):
    r"""Turn the hue of each pixel; multiply its saturation and value.

    .. math:: h \mapsto h + \eta_h \bmod 1, \quad
              s \mapsto \min(s e^{\eta_s}, 1), \quad v \mapsto \min(v e^{\eta_v}, 1)

    Grey pixels have no hue, black ones no colour: both stay as they are (but for the value).
    Clipping loses information: the action of hue is exact, that of saturation and value is as long
    as nothing is clipped. Derivatives pass through the clipping as if it were not there.

    References:
        Allingham et al., *A Generative Model of Symmetry Transformations*, NeurIPS 2024.

    Arguments:
        kind: ``"hue"`` (1 parameter), ``"hue-saturation"`` (2) or ``"hsv"`` (3).

    Raises:
        OptionError: ``kind`` is none of these.

    Example:
        >>> family = ColorFamily("hue")
        >>> red = torch.tensor([1.0, -1.0, -1.0]).reshape(3, 1, 1)
        >>> family.act(family.element(torch.tensor([1 / 3])), red).flatten().round()
        tensor([-1.,  1., -1.])
    """

    kind: str
    tolerance = 1e-10
    channels = 3

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise OptionError(
                f"ColorFamily got kind={self.kind!r}, expected one of {', '.join(_KINDS)}. "
                "Correct the spelling."
            )

    @property
    def parameters_of_eta(self) -> tuple[Parameter, ...]:
        return _PARAMETERS[: 1 + _KINDS.index(self.kind)]

    @property
    def group(self) -> ColorGroup:
        return ColorGroup(len(self.parameters_of_eta))

    def element(self, eta: Tensor) -> Tensor:
        self.check_eta(eta)
        return self.group.exp(at_least_float32(eta))

    def parameters(self, g: Tensor) -> Tensor:
        self.batch_of(g)
        return self.wrap(at_least_float32(g))

    def act(self, g: Tensor, x: Tensor, *, order: int = 1, fill: float = -1.0) -> Tensor:
        """Return the recoloured images; ``order`` and ``fill`` do not matter: no pixel moves."""
        self.check(x, order)
        self.batch_with(g, x)
        wide = torch.promote_types(x.dtype, torch.float32)
        steps = g.to(x.device, wide)[..., None, None].unbind(-3)
        hue, saturation, value = hsv_of(clip((x.to(wide) + 1) / 2))
        hue = hue + steps[0]
        if len(steps) > 1:
            saturation = clip(saturation * steps[1].exp())
        if len(steps) > 2:
            value = clip(value * steps[2].exp())
        return (2 * rgb_of(hue, saturation, value) - 1).to(x.dtype)

    def exact(
        self, size: tuple[int, ...], *batch: int, generator: torch.Generator | None = None
    ) -> Tensor | None:
        """Return turns of the hue by thirds, which exchange the channels."""
        g = self.group.identity(*batch)
        g[..., 0] = torch.randint(3, batch, generator=generator).double() / 3
        return g

    def frame(self, *, background: float | None = None, learned: bool = False) -> ColorFrame:
        """Return the frame in closed form; ``background`` and ``learned`` do not matter."""
        return ColorFrame(self.element, len(self.names))

    def check_content(self, x: Tensor) -> None:
        """Raise :class:`~eqsets.OptionError` if all images are grey: hue does nothing to them."""
        if float((x.amax(1) - x.amin(1)).amax()) < 0.02:
            raise OptionError(
                f"all {len(x)} images are grey, so {' and '.join(self.names[:2])} do nothing to "
                "them, expected images with colour. Leave the colour family out: "
                "SymmetryModel('affine', ...)."
            )


def hue() -> ColorFamily:
    """Return the turns of hue: 1 parameter, a circle."""
    return ColorFamily("hue")


def hue_saturation() -> ColorFamily:
    """Return hue and saturation: 2 parameters."""
    return ColorFamily("hue-saturation")


def hsv() -> ColorFamily:
    """Return hue, saturation and value: 3 parameters."""
    return ColorFamily("hsv")
