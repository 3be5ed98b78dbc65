"""The mean of group elements: one estimate from those of all elements of a set."""

from __future__ import annotations

from torch import Tensor

from eqsets.families import TransformationFamily

__all__ = ["average_element"]


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
        >>> import eqsets, torch
        >>> family = eqsets.transformation("rotation")
        >>> g = family.element(torch.tensor([[[3.0], [-3.0]]]))
        >>> family.parameters(average_element(family, g, torch.ones(1, 2))).abs()
        tensor([[3.1416]])
    """
    return family.chart().mean(g, weights)
