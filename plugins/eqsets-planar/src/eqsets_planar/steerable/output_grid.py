"""Which image sizes keep quarter turns and reflections exact.

A layer that samples its output on every ``stride``-th pixel commutes with a turn about the centre
of the image only if its outputs lie symmetrically about that centre: if the steps fit exactly,
``(size + 2 padding - span) % stride == 0``. Otherwise the output of a turned image is that of the
image, shifted by a part of a pixel: an error that is small and easily overlooked.
"""

from __future__ import annotations

from eqsets import ShapeError
from eqsets_planar.point_group import PointGroup

__all__ = ["check_output_grid"]


def check_output_grid(
    points: PointGroup,
    sizes: tuple[int, ...],
    span: int,
    padding: int,
    stride: int,
    *,
    exact: bool = True,
) -> None:
    """Raise :class:`~eqsets.ShapeError` where an image is too small or breaks exactness.

    Arguments:
        points: the point group; the trivial one needs no symmetric grid.
        sizes: height and width of the input.
        span: pixels that the filter reaches over, ``dilation * (kernel_size - 1) + 1``.
        padding: on each side.
        stride: of the output.
        exact: False only checks that the image is large enough.
    """
    for size in sizes:
        room = size + 2 * padding - span
        if room < 0:
            raise ShapeError(
                f"SteerableConv got an image of {' x '.join(map(str, sizes))} pixels, expected "
                f"sides of at least {span - 2 * padding} for a filter that reaches over {span} "
                "pixels. Use larger images or a smaller kernel_size."
            )
        rest = room % stride
        if not exact or not rest or (points.group.order == 1):
            continue
        smaller, larger = size - rest, size - rest + stride
        raise ShapeError(
            f"SteerableConv got an image of {' x '.join(map(str, sizes))} pixels, which stride "
            f"{stride} samples off its centre: turning it would shift the output by a part of a "
            f"pixel. Expected sides such as {smaller} or {larger}. Crop or pad the image, use "
            "symmetry.pool(...), which adapts its filter to the size, or pass exact=False."
        )
