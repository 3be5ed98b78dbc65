"""Finer images: interpolation that is symmetric about the centre, for every size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError, ShapeError
from eqsets_planar.fields.features import PlanarFields

__all__ = ["FieldUpsample"]


class FieldUpsample(nn.Module):
    r"""Interpolate between the pixels, linearly along each axis: the image grows ``stride`` times.

    .. math:: y(p) = x\Big(\frac{p - c'}{s} + c\Big), \qquad c = \frac{n - 1}{2}

    with the centres :math:`c, c'` of both images and the border repeated outside. The pixels of the
    input lie where :class:`~eqsets_planar.layers.pooling.BlurPool` takes them, so both together
    keep an image in its position, and quarter turns and reflections are exact for *every* size.

    Arguments:
        in_type: type of the features, kept.
        stride: how many times larger.
    """

    def __init__(self, in_type: PlanarFields, stride: int = 2) -> None:
        super().__init__()
        self.in_type = self.out_type = in_type
        self.stride = stride

    def forward(self, x: Tensor, size: Sequence[int] | None = None) -> Tensor:
        """Map ``x: (E, C, H, W)`` to ``(E, C, stride * H, stride * W)``, or to ``size``.

        Arguments:
            x: features.
            size: height and width of the output; those of an image that was pooled by the stride.

        Raises:
            ShapeError: the channels do not fit, or pooling an image of that size gives another one.
        """
        self.in_type.check(x, ("E",), "FieldUpsample")
        height, width = x.shape[2:]
        target = (self.stride * height, self.stride * width) if size is None else tuple(size)
        for pixels, many in zip((height, width), target, strict=True):
            if -(-many // self.stride) != pixels:
                raise ShapeError(
                    f"up-sampling by {self.stride} got size={target} for images of {height} x "
                    f"{width} pixels, expected up to {self.stride - 1} pixels less than "
                    f"{self.stride} times as many. Give the size of the image before pooling."
                )
        rows = self._weights(target[0], height, x)
        columns = self._weights(target[1], width, x)
        return rows @ x @ columns.mT

    def _weights(self, large: int, small: int, like: Tensor) -> Tensor:
        """Return the weights ``(large, small)`` of linear interpolation along one axis."""
        position = torch.arange(large, device=like.device, dtype=torch.float64) - (large - 1) / 2
        position = (position / self.stride + (small - 1) / 2).clamp(0, small - 1)
        pixel = torch.arange(small, device=like.device, dtype=torch.float64)
        weights: Tensor = (1 - (position[:, None] - pixel).abs()).clamp(min=0)
        return weights.to(like.dtype)

    def extra_repr(self) -> str:
        return f"{self.in_type}, stride={self.stride}"


def require_kind(kind: str) -> None:
    """Raise :class:`~eqsets.FeatureTypeError` unless the kind of interpolation is known."""
    if kind != "linear":
        raise FeatureTypeError(
            f"planar up-sampling got kind={kind!r}, expected 'linear': the nearest pixel is not "
            "unique in the middle of two, which breaks reflections."
        )
