"""The mean of group elements: one estimate from those of all elements of a set."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from eqsets.families import ProductFamily, TransformationFamily
from eqsets.generative.canonicalization.chart import chart_of, is_affine

__all__ = ["average_element"]

_FAINT = 1e-6  # weight that every present element keeps, so that a mean always exists


def average_element(family: TransformationFamily, g: Tensor, weights: Tensor) -> Tensor:
    r"""Return the mean over each set, on the group: it moves with the set.

    .. math:: \mathrm{mean}(h g_1, ..., h g_n) = h \cdot \mathrm{mean}(g_1, ..., g_n)

    Affine matrices are averaged as matrices, which commutes with products from the left, and taken
    back to the family (a rotation by the polar decomposition). Circles get the direction of the
    mean of unit vectors, other lines the mean, and discrete parameters the most frequent value.

    Args:
        family: a family or product of families.
        g: group elements ``(B, N, *element_shape)``.
        weights: of the elements ``(B, N)``, not negative; 0 where there is none.

    Returns:
        Group elements ``(B, *element_shape)``.

    Example:
        >>> import eqsets
        >>> family = eqsets.transformation("rotation")
        >>> g = family.element(torch.tensor([[[3.0], [-3.0]]]))
        >>> family.parameters(average_element(family, g, torch.ones(1, 2))).abs()
        tensor([[3.1416]])
    """
    if isinstance(family, ProductFamily):
        parts = zip(family.factors, family.group.unpack(g), strict=True)
        means = [average_element(factor, part, weights) for factor, part in parts]
        return family.group.pack(*means).to(g.dtype)
    share = weights + _FAINT * (weights > 0)
    share = share / share.sum(1, keepdim=True).clamp_min(1e-30)
    chart = chart_of(family)
    if is_affine(family):
        mean = (share.to(g.dtype)[..., None, None] * g).sum(1)
        return chart.element(chart.coordinates(mean))
    eta = chart.coordinates(g)
    columns = []
    for parameter, column in zip(chart.parameters, eta.unbind(-1), strict=True):
        part = share.to(column.dtype)
        if parameter.levels:
            values = torch.arange(parameter.levels, dtype=column.dtype, device=column.device)
            votes = (part[..., None] * (column[..., None].round() == values)).sum(1)
            columns.append(votes.argmax(-1).to(column.dtype))
        elif parameter.period:
            angle = column * (2 * pi / parameter.period)
            x, y = (part * angle.cos()).sum(1), (part * angle.sin()).sum(1)
            lost = x.square() + y.square() < 1e-24
            mean = torch.atan2(torch.where(lost, 0.0, y), torch.where(lost, 1.0, x))
            columns.append(mean * (parameter.period / (2 * pi)))
        else:
            columns.append((part * column).sum(1))
    return chart.element(torch.stack(columns, -1))
