"""Whether an element belongs to a group that is given by generators, as far as can be decided.

A group that is too small passes every law: with fewer generators there are more equivariant maps.
A sample element that must be in the group shows that a generator was forgotten.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.groups import Group
from eqsets.solve.null_space import DENSE, intertwiners

__all__ = ["missing_from"]


def missing_from(group: Group, g: Tensor, elements: Tensor | None) -> str:
    """Return why ``g`` is not in the group that is generated, or ``""`` where nothing shows that.

    Listed groups decide. For matrices, what commutes with all generators, on vectors and on tensors
    of two indices, must commute with ``g``; invariant bilinear forms and determinants of 1 must be
    preserved: necessary conditions, which a forgotten rotation, boost or reflection breaks.

    Arguments:
        group: gives generators, a Lie algebra, or both.
        g: one element.
        elements: all elements of the group, where they are listed.
    """
    if elements is not None:
        gap = float(group.distance(elements, g.expand_as(elements)).min())
        return "" if gap < 1e-6 else "it is none of the elements that the generators make"
    if len(group.element_shape) != 2:
        return ""
    size = group.element_shape[0]
    discrete, algebra = group.generators(), group.lie_algebra_generators()
    empty = torch.zeros(0, size, size, dtype=torch.float64)
    discrete = empty if discrete is None else discrete.double()
    algebra = empty if algebra is None else algebra.double()
    if not len(discrete) and not len(algebra):
        return ""
    h = g.double()
    divergence, volumes = algebra.diagonal(dim1=1, dim2=2).sum(1), torch.linalg.det(discrete)
    keeps_volume = bool((divergence.abs() < 1e-9).all() and ((volumes - 1).abs() < 1e-9).all())
    if keeps_volume and abs(float(torch.linalg.det(h)) - 1) > 1e-6:
        return "its determinant is not 1, those of the generators are"
    if not _commutes(torch.cat([discrete, algebra]), h):
        return "it does not commute with a map that commutes with all generators"
    dual = torch.cat([torch.linalg.inv(discrete).mT, -algebra.mT])
    forms = intertwiners(torch.cat([discrete, algebra]), dual)
    if len(forms) and float((h.mT @ forms @ h - forms).abs().max()) > 1e-6:
        return "it changes a bilinear form that all generators leave invariant"
    if size**4 <= DENSE:
        eye = torch.eye(size, dtype=torch.float64)
        pairs = [torch.kron(m, m) for m in discrete]
        pairs += [torch.kron(a, eye) + torch.kron(eye, a) for a in algebra]
        if not _commutes(torch.stack(pairs), torch.kron(h, h)):
            return "it changes a tensor of two indices that all generators leave invariant"
    return ""


def _commutes(generators: Tensor, h: Tensor) -> bool:
    maps = intertwiners(generators, generators)
    gap = (h @ maps - maps @ h).abs()
    return not len(maps) or float(gap.max()) < 1e-6 * max(1.0, float(h.abs().max()))
