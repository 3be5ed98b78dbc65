"""Convolution on point clouds: neighbours speak to each other through spherical harmonics."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError, ShapeError
from eqsets.constants import Constants, on_cpu
from eqsets.layout import Members
from eqsets_spatial.cloud import Links
from eqsets_spatial.features import Block, IrrepsFeatures
from eqsets_spatial.harmonics import coupling, harmonic_steps, harmonics
from eqsets_spatial.layers.linear import IrrepsLinear
from eqsets_spatial.neighbors import Neighbourhood, find_neighbours
from eqsets_spatial.points import Points, PointSide, parts_of

__all__ = ["PointConvolution"]


class PointConvolution(nn.Module):
    r"""Convolve features on points, equivariant to rotations, reflections, shifts and reordering.

    .. math:: y_a = W x_a + V \frac{1}{\sqrt{1 + \sum_b w_{ab}^2}} \sum_b w_{ab} \,
              R(|r_{ab}|) \, x_b \otimes Y(\hat r_{ab})

    where :math:`r_{ab}` points from point a to its neighbour b, :math:`w` is the envelope of
    :func:`~eqsets_spatial.neighbors.find_neighbours` and the radial network :math:`R` weighs each
    copy in each product of irreps. Linear in :math:`x`: the subspace of local kernels that the
    radial network spans. With e3nn's conventions, on plain torch operations.

    References:
        Tensor field networks, Thomas et al., 2018, https://arxiv.org/abs/1802.08219, section 4;
        depthwise products as in E(3)-equivariant graph neural networks for interatomic potentials,
        Batzner et al., 2022, https://arxiv.org/abs/2101.03164.

    Arguments:
        in_type: type of the input, on points.
        out_type: type of the output, on points.
        radius: how far a neighbour may be, in units of the positions; ``None``: any distance.
        neighbors: how many neighbours a point has at most; ``None``: any number.
        degree: highest degree of the spherical harmonics; that of the types (at least 1) if None.
        basis: number of radial basis functions.
        hidden: width of the radial network.
        bias: whether to add one to the scalars.
        edges: whether edges are given: ``structure=Cloud(positions, edge_index=...)``. With a
            radius they may be given as well; then its envelope weighs them.
        edge_features: number of features of each edge that the radial network also reads.
        radial: builds a radial network of one's own, ``radial(inputs, outputs)``, a module from
            ``(M, basis + edge_features)`` to ``(M, outputs)``; with ``basis=0`` it reads the
            distance itself, in units of the radius, in place of the radial basis.

    Raises:
        FeatureTypeError: ``edges`` and ``neighbors``, or ``radial`` builds no module.
    """

    def __init__(
        self,
        in_type: IrrepsFeatures,
        out_type: IrrepsFeatures,
        *,
        radius: float | None = None,
        neighbors: int | None = None,
        degree: int | None = None,
        basis: int = 8,
        hidden: int = 16,
        bias: bool = True,
        edges: bool = False,
        edge_features: int = 0,
        radial: Callable[[int, int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if edges and neighbors is not None:
            raise FeatureTypeError(
                f"a convolution on points got edges=True and neighbors={neighbors}, expected one: "
                "given edges, or a search for neighbours. Leave one out."
            )
        self.edges, self.edge_features = edges, edge_features
        self.in_type, self.out_type = in_type, out_type
        self.radius, self.neighbors, self.basis = radius, neighbors, basis
        if degree is None:
            degree = max(1, *(block.degree for block in (*in_type.blocks, *out_type.blocks)))
        self._paths = _paths(in_type, out_type, degree)
        middle = tuple(
            Block(in_type.blocks[source].count, *irrep) for source, _, irrep in self._paths
        )
        self.own = IrrepsLinear(in_type.blocks, out_type.blocks, bias=bias)
        self.radial: nn.Module | None = None
        self.mix: nn.Module | None = None
        if not self._paths:  # no product of irreps leads to the output
            return
        with on_cpu():
            steps = harmonic_steps(degree)
            couplings = [
                coupling(in_type.blocks[source].degree, harmonic, low) * sqrt(2 * low + 1)
                for source, harmonic, (low, _) in self._paths
            ]
        self.steps = Constants(**{f"degree{k}": one for k, one in enumerate(steps, start=1)})
        self.couplings = Constants(**{f"path{k}": one for k, one in enumerate(couplings)})
        self._copies = sum(block.count for block in middle)
        inputs = max(1, basis) + edge_features
        self.radial = _radial_network(radial, inputs, hidden, self._copies)
        self.mix = IrrepsLinear(middle, out_type.blocks, bias=False)

    def forward(self, x: Tensor, positions: PointSide = None) -> Tensor:
        """Map ``x: (E, P, in_type.dim)`` to ``(E, P, out_type.dim)``.

        Arguments:
            x: features of the points, ``(T, 1, in_type.dim)`` of clouds of unequal sizes.
            positions: ``(E, P, 3)``, or ``(1, P, 3)`` where all elements share them.

        Raises:
            ShapeError: positions are missing, or not one for each point.
        """
        parts, links = parts_of(positions), None
        if isinstance(positions, Points):
            links, positions = positions.links, positions.positions
        elif isinstance(positions, Members):
            positions = None
        positions = self._check(x, positions, parts)
        attr = self._edge_features(links)
        own: Tensor = self.own(x)
        if self.radial is None or self.mix is None:
            return own
        near = find_neighbours(positions, self.radius, self.neighbors, parts, links)
        clouds, points = positions.shape[:2] if parts is None else x.shape[:2]
        # (copies, G P, dim), all sizes written out: export cannot reason about inferred ones
        copies = x.shape[0] if parts is None and clouds == 1 else 1
        flat = x.reshape(copies, clouds * points, x.shape[-1])
        messages = self._messages(flat, near, attr)
        wide = torch.promote_types(messages.dtype, torch.float32)
        total = torch.zeros(
            *flat.shape[:2], messages.shape[-1], dtype=wide, device=messages.device
        ).index_add(1, near.receiver, messages.to(wide))
        weight = torch.zeros(clouds * points, dtype=wide, device=x.device)
        weight = weight.index_add(0, near.receiver, near.envelope.square().to(wide))
        total = total * (1 + weight).rsqrt()[:, None]
        gathered = total.reshape(*x.shape[:-1], messages.shape[-1]).to(messages.dtype)
        mixed: Tensor = self.mix(gathered)
        return own + mixed

    def set_to_zero(self) -> None:
        """Set the last linear maps to zero; the radial network stays, so that all weights learn."""
        for part in (self.own, self.mix):
            for weight in () if part is None else part.parameters():
                nn.init.zeros_(weight)

    def _messages(self, flat: Tensor, near: Neighbourhood, attr: Tensor | None) -> Tensor:
        """Return what each edge carries in the products of irreps, ``(copies, E, middle)``."""
        on_edges = harmonics(near.direction, self.steps.get_all(like=near.direction))
        radial = self._radial(near, attr).split(
            [self.in_type.blocks[source].count for source, _, _ in self._paths], -1
        )
        sent = self.in_type.split(flat.index_select(1, near.sender))
        messages = []
        for number, (source, harmonic, _) in enumerate(self._paths):
            y = on_edges[harmonic]
            kernel = torch.einsum("abc,eb->eac", self.couplings.get(f"path{number}", y), y)
            product = sent[source] @ kernel.to(sent[source].dtype)
            messages.append((product * radial[number][..., None].to(product.dtype)).flatten(-2))
        return torch.cat(messages, -1)

    def _radial(self, near: Neighbourhood, attr: Tensor | None) -> Tensor:
        """Return the weight of each copy in each product, ``(E, copies)``, zero out of reach."""
        far = near.distance
        # Without a radius there is no scale but 1: all distances are brought to [0, 1).
        share = far / (far + 1) if self.radius is None else far / self.radius
        inputs = share[:, None]
        if self.basis:
            centres = torch.linspace(0, 1, self.basis, dtype=far.dtype, device=far.device)
            inputs = torch.exp(-((inputs - centres) * (self.basis - 1)).square())
        if self.radial is None:
            raise AssertionError("a convolution with paths has a radial network")
        weight = next(self.radial.parameters(), inputs)
        inputs = inputs.to(weight.dtype)
        if attr is not None:
            inputs = torch.cat([inputs, attr.to(weight.dtype)], -1)
        weights: Tensor = self.radial(inputs)
        if weights.shape != (inputs.shape[0], self._copies):
            raise ShapeError(
                f"the radial network of a convolution of {self.in_type} returned "
                f"{tuple(weights.shape)}, expected {(inputs.shape[0], self._copies)}: one number "
                "for each edge and copy. Build it with the inputs and outputs that it is given."
            )
        return weights * near.envelope[:, None].to(weights.dtype)

    def _edge_features(self, links: Links | None) -> Tensor | None:
        """Return the features of given edges, where the layer has some.

        Raises:
            ShapeError: edges or features are missing, or there are features that are not read.
        """
        if self.edges and (links is None or links.index is None):
            raise ShapeError(
                f"a convolution of {self.in_type} with edges=True got none, expected "
                "structure=Cloud(positions, edge_index=...). Pass edges, or build the layer with "
                "radius= or neighbors=."
            )
        attr = None if links is None else links.attr
        width = 0 if attr is None else attr.shape[1]
        if width != self.edge_features:
            raise ShapeError(
                f"a convolution of {self.in_type} with edge_features={self.edge_features} got "
                f"{width} features of edges, expected as many. Pass "
                f"Cloud(..., edge_attr=(M, {self.edge_features})), or build the layer with "
                f"edge_features={width}."
            )
        return attr

    def _check(self, x: Tensor, positions: Tensor | None, parts: Members | None) -> Tensor:
        if positions is None:
            raise ShapeError(
                f"a convolution of {self.in_type} got no positions, expected them as structure= "
                "(P, 3), (B, P, 3) or (B, N, P, 3). Pass layer(x, structure=positions), or leave "
                "out radius= and neighbors= to map each point by itself."
            )
        if parts is not None:
            return positions
        if positions.shape[1] != x.shape[1] or positions.shape[0] not in (1, x.shape[0]):
            raise ShapeError(
                f"a convolution of {self.in_type} got {x.shape[1]} points in x and positions of "
                f"shape {tuple(positions.shape)}, expected one position (3,) for each point. Give "
                "positions and features the same points in the same order."
            )
        return positions

    def extra_repr(self) -> str:
        reach = f"radius={self.radius}, neighbors={self.neighbors}"
        if self.edges:
            reach = f"edges=True, radius={self.radius}"
        return f"{self.in_type} -> {self.out_type}, {reach}"


def _radial_network(
    build: Callable[[int, int], nn.Module] | None, inputs: int, hidden: int, outputs: int
) -> nn.Module:
    if build is None:
        return nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, outputs))
    network = build(inputs, outputs)
    if not isinstance(network, nn.Module):
        raise FeatureTypeError(
            f"radial={build!r} returned {type(network).__name__}, expected a module from (M, "
            f"{inputs}) to (M, {outputs}). Write radial=lambda inputs, outputs: nn.Sequential(...)."
        )
    return network


def _paths(
    in_type: IrrepsFeatures, out_type: IrrepsFeatures, degree: int
) -> list[tuple[int, int, tuple[int, int]]]:
    """Return the products of irreps as (input block, harmonic, irrep), sorted by irrep."""
    targets = {block.irrep for block in out_type.blocks}
    paths = []
    for source, block in enumerate(in_type.blocks):
        for harmonic in range(degree + 1):
            # The harmonics change sign with their degree; under rotations alone nothing does.
            sign = 1 if in_type.group.special else (-1) ** harmonic
            for low in range(abs(block.degree - harmonic), block.degree + harmonic + 1):
                irrep = (low, block.parity * sign)
                if irrep in targets:
                    paths.append((source, harmonic, irrep))
    return sorted(paths, key=lambda path: path[2])
