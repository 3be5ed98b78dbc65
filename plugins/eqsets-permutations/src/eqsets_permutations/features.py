"""Feature types on the nodes of an element: node features, and features of ordered pairs of nodes.

The node count is free: one type, and one layer, serve elements of every size. Random samples have
a node count of their own, ``nodes``, so that tests have something to draw.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch
from torch import Tensor

from eqsets import ElementSymmetry, FeatureType, FeatureTypeError, ShapeError, element_group
from eqsets.groups import SymmetricGroup

__all__ = ["SAMPLE_NODES", "NodeFeatures", "PairFeatures", "parse"]

SAMPLE_NODES = 5
"""Node count of random samples where none is asked for."""

_MOST = 999_999_999  # nine digits, in figures and in strings

_SPEC = re.compile(r"\s*(?P<count>[0-9]{1,9})\s*(?P<kind>[a-z]*)\s*")


@dataclass(frozen=True)
class _Permuted(FeatureType):
    """What features of nodes and of pairs share: ``count`` channels, samples of ``nodes`` nodes."""

    count: int
    nodes: int = field(default=SAMPLE_NODES, compare=False)
    channel_axis = -1
    pointwise = True

    @property
    def group(self) -> SymmetricGroup:  # type: ignore[override]
        return SymmetricGroup(self.nodes)

    def check(self, x: Tensor, lead: tuple[str, ...], owner: str, hint: str = "") -> None:
        super().check(x, lead, owner, hint)
        _require_nodes(x.shape[len(lead) : -1], owner)

    def with_channels(self, channels: int) -> Self:
        return replace(self, count=channels)

    def with_sizes(self, *sizes: int) -> Self:
        if len(set(sizes)) != 1:
            raise FeatureTypeError(f"{self} got the sizes {sizes} for samples, expected one.")
        return replace(self, nodes=sizes[0])

    @property
    def owner(self) -> ElementSymmetry:
        return element_group("permutations", nodes=self.nodes)


@dataclass(frozen=True)
class NodeFeatures(_Permuted):
    r"""Features of nodes ``(P, C)``, moved with them: :math:`(g \cdot x)_{g(p)} = x_p`.

    Arguments:
        count: number of channels ``C``.
        nodes: node count of random samples; elements may have any, so it does not count for
            equality.

    Example:
        >>> NodeFeatures(3).layout
        ('P', 3)
        >>> x = torch.tensor([[0.0], [1.0], [2.0]])
        >>> NodeFeatures(1, nodes=3).transform(torch.tensor([1, 2, 0]), x).flatten()
        tensor([2., 0., 1.])
    """

    @property
    def layout(self) -> tuple[int | str, ...]:
        return ("P", self.count)

    @property
    def has_parts(self) -> bool:  # type: ignore[override]
        return True

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        """Move the nodes of ``x (*batch, P, C)`` as ``g (*batch, P)`` says."""
        source = g.to(x.device).argsort(-1).unsqueeze(-1)
        source, x = _same_rank(source, x)
        return torch.take_along_dim(x, source, -2)

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        return _noise((*batch, self.nodes, self.count), generator, dtype)

    def __str__(self) -> str:
        return f"{self.count} nodes"


@dataclass(frozen=True)
class PairFeatures(_Permuted):
    r"""Features of ordered pairs of nodes ``(P, P, C)``, which are of second order.

    .. math:: (g \cdot x)_{g(p) g(q)} = x_{p q}

    The diagonal may hold what belongs to the nodes, as in an adjacency matrix.

    Arguments:
        count: number of channels ``C``.
        nodes: node count of random samples; it does not count for equality.

    Example:
        >>> PairFeatures(2).layout
        ('P', 'P', 2)
    """

    @property
    def layout(self) -> tuple[int | str, ...]:
        return ("P", "P", self.count)

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        """Move both axes of ``x (*batch, P, P, C)`` as ``g (*batch, P)`` says."""
        source = g.to(x.device).argsort(-1)
        rows, x = _same_rank(source[..., :, None, None], x)
        columns, x = _same_rank(source[..., None, :, None], x)
        return torch.take_along_dim(torch.take_along_dim(x, rows, -3), columns, -2)

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        return _noise((*batch, self.nodes, self.nodes, self.count), generator, dtype)

    def __str__(self) -> str:
        return f"{self.count} pairs"


_KINDS: dict[str, type[NodeFeatures] | type[PairFeatures]] = {
    "": NodeFeatures,
    "node": NodeFeatures,
    "nodes": NodeFeatures,
    "pair": PairFeatures,
    "pairs": PairFeatures,
}


def parse(spec: Any, nodes: int) -> NodeFeatures | PairFeatures:
    """Return the type that ``spec`` names: ``16``, ``"16 nodes"``, ``"4 pairs"``, or a type.

    Raises:
        FeatureTypeError: the specification is not understood.

    Example:
        >>> parse("4 pairs", nodes=5)
        PairFeatures(count=4, nodes=5)
    """
    if isinstance(spec, NodeFeatures | PairFeatures):
        return spec
    if isinstance(spec, int) and not isinstance(spec, bool) and 0 < spec <= _MOST:
        return NodeFeatures(spec, nodes)
    match = _SPEC.fullmatch(spec) if isinstance(spec, str) else None
    if match and match["kind"] in _KINDS and int(match["count"]) > 0:
        return _KINDS[match["kind"]](int(match["count"]), nodes)
    raise FeatureTypeError(
        f"element group 'permutations' got the feature type {spec!r}, expected a number of "
        "channels of at least 1, alone or with its kind. Write 16 or '16 nodes' for features of "
        "nodes, '4 pairs' for features of ordered pairs of nodes."
    )


def _require_nodes(sizes: tuple[int, ...], owner: str) -> None:
    if min(sizes) < 1 or len(set(sizes)) > 1:
        raise ShapeError(
            f"{owner} got elements of {' by '.join(map(str, sizes))} nodes, expected at least one "
            "node, and as many rows as columns for pairs. Leave elements without nodes out."
        )


def _noise(
    shape: tuple[int, ...], generator: torch.Generator | None, dtype: torch.dtype | None
) -> Tensor:
    device = generator.device if generator is not None else None
    return torch.randn(*shape, generator=generator, dtype=dtype, device=device)


def _same_rank(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Give both tensors the longer batch: take_along_dim broadcasts sizes, not axes."""
    a = a.reshape(*[1] * (b.dim() - a.dim()), *a.shape)
    return a, b.reshape(*[1] * (a.dim() - b.dim()), *b.shape)
