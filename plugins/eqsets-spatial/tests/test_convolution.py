"""Convolutions on clouds: against a slow loop over pairs, under all motions, at the edge cases."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3
from torch import Tensor

from eqsets import DSS, ElementSymmetry, SetBatch, SetNetwork, element_group
from eqsets.equivariance import relative_error
from eqsets_spatial.layers.convolution import PointConvolution
from eqsets_spatial.neighbors import find_neighbours

IN, OUT = "points: 2x0e + 2x1o + 1x2e", "points: 2x0e + 1x1o + 1x1e + 1x2e"
DOUBLE = torch.float64
REACHES = [
    {"radius": 1.5},
    {"neighbors": 3},
    {"neighbors": 2, "radius": 1.5},
    {"neighbors": 50},
    {"radius": 1.5, "degree": 3, "basis": 4, "hidden": 6},
    {},
]


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def reach(positions: Tensor, a: int, radius: float | None, neighbors: int | None) -> float:
    """Return how far point ``a`` reaches, result by sorting its distances."""
    far = sorted(float((p - positions[a]).norm()) for b, p in enumerate(positions) if b != a)
    beyond = far[neighbors] if neighbors is not None and neighbors < len(far) else torch.inf
    return min(beyond, torch.inf if radius is None else radius)


def slowly(layer: PointConvolution, x: Tensor, positions: Tensor) -> Tensor:
    """Convolve one cloud pair by pair, with e3nn's own harmonics and couplings."""
    rows = []
    for a in range(len(x)):
        limit = reach(positions, a, layer.radius, layer.neighbors)
        total: Tensor | float = 0.0
        weights = 0.0
        for b in range(len(x)):
            vector = positions[b] - positions[a]
            far = float(vector.norm())
            if a == b or far >= limit:
                continue
            envelope = (1 - (far / limit) ** 2) ** 3
            share = far / (far + 1) if layer.radius is None else far / layer.radius
            centres = torch.linspace(0, 1, layer.basis, dtype=DOUBLE)
            radial = layer.radial(torch.exp(-(((share - centres) * (layer.basis - 1)) ** 2)))
            sent, parts, start = layer.in_type.split(x[b]), [], 0
            for source, harmonic, (low, _) in layer._paths:
                block = layer.in_type.blocks[source]
                y = o3.spherical_harmonics(harmonic, vector, True, normalization="component")
                c = o3.wigner_3j(block.degree, harmonic, low, dtype=DOUBLE)
                product = torch.einsum("abc,ua,b->uc", c, sent[source], y) * (2 * low + 1) ** 0.5
                product = product * radial[start : start + block.count, None]
                start += block.count
                parts.append(product.flatten())
            total = total + envelope * torch.cat(parts)
            weights += envelope**2
        if isinstance(total, float):
            rows.append(layer.own(x[a]))
        else:
            rows.append(layer.own(x[a]) + layer.mix(total / (1 + weights) ** 0.5))
    return torch.stack(rows)


@pytest.mark.slow
@pytest.mark.parametrize("options", REACHES[:5])
@pytest.mark.parametrize("reflections", [True, False])
def test_convolution_is_the_slow_loop(
    options: dict[str, float], reflections: bool, generator: torch.Generator
) -> None:
    space = element_group("spatial", reflections=reflections)
    layer = space.linear(space.feature_type(IN), space.feature_type(OUT), **options).double()
    x = layer.in_type.sample(2, generator=generator, dtype=DOUBLE)
    positions = torch.randn(2, 5, 3, generator=generator, dtype=DOUBLE)
    expected = torch.stack([slowly(layer, *pair) for pair in zip(x, positions, strict=True)])
    assert relative_error(layer(x, positions), expected) < 1e-13
    one = layer(x, positions[:1])
    expected = torch.stack([slowly(layer, row, positions[0]) for row in x])
    assert relative_error(one, expected) < 1e-13


def moved_error(
    space: ElementSymmetry, layer: DSS, shape: tuple[int, ...], generator: torch.Generator
) -> float:
    """Move every element, its points, the set and the origin of each element; compare."""
    x = torch.randn(2, 4, 6, layer.in_type.dim, generator=generator, dtype=DOUBLE)
    positions = torch.randn(*shape, 6, 3, generator=generator, dtype=DOUBLE)
    y = layer(x, structure=positions)
    members = 4 if layer.alignment == "independent" else 1
    g = space.group.sample(2, members, generator=generator).expand(2, 4, 3, 3)
    if len(shape) == 1:
        positions = positions[:, None]
    shift = torch.randn(2, 4, 1, 3, generator=generator, dtype=DOUBLE)
    side = space.transform_structure(g, positions.expand(2, 4, 6, 3)) + shift
    order, points = torch.randperm(4, generator=generator), torch.randperm(6, generator=generator)
    moved = layer.in_type.transform(g, x)[:, order][:, :, points]
    result = layer(moved, structure=side[:, order][:, :, points])
    expected = layer.out_type.transform(g, y)[:, order][:, :, points]
    return relative_error(result, expected)


@pytest.mark.parametrize("options", REACHES)
@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("reflections", [True, False])
@pytest.mark.parametrize("shape", [(), (2,), (2, 4)])
def test_set_of_clouds_is_equivariant(
    options: dict[str, float],
    alignment: str,
    reflections: bool,
    shape: tuple[int, ...],
    generator: torch.Generator,
) -> None:
    space = element_group("spatial", reflections=reflections)
    layer = DSS(space, IN, OUT, alignment=alignment, **options).double()
    assert moved_error(space, layer, shape, generator) < 1e-12


def test_mirror_images_differ_only_without_reflections(generator: torch.Generator) -> None:
    turns = element_group("spatial", reflections=False)
    layer = DSS(turns, "points: 2x0 + 2x1", "points: 2x0 + 2x1", radius=3.0).double()
    x = torch.randn(1, 2, 6, 8, generator=generator, dtype=DOUBLE)
    positions = torch.randn(1, 2, 6, 3, generator=generator, dtype=DOUBLE)
    mirror = torch.diag(torch.tensor([-1.0, 1, 1], dtype=DOUBLE))
    full = element_group("spatial").feature_type("points: 2x0e + 2x1o")
    y = full.transform(mirror, layer(x, structure=positions))
    result = layer(full.transform(mirror, x), structure=positions @ mirror)
    assert relative_error(result, y) > 1e-3


@pytest.mark.parametrize("options", REACHES[:3])
def test_dense_padded_and_ragged_agree(
    options: dict[str, float], generator: torch.Generator
) -> None:
    layer = DSS("spatial", IN, OUT, **options).double()
    x = torch.randn(2, 3, 6, layer.in_type.dim, generator=generator, dtype=DOUBLE)
    positions = torch.randn(2, 3, 6, 3, generator=generator, dtype=DOUBLE)
    mask = torch.tensor([[True, True, False], [True, True, True]])
    hidden = torch.where(mask[..., None, None], x, torch.nan)
    padded = layer(hidden, mask, structure=torch.where(mask[..., None, None], positions, torch.nan))
    alone = layer(x[:1, :2], structure=positions[:1, :2])
    assert relative_error(padded[0, :2], alone[0]) < 1e-14
    assert padded[0, 2].count_nonzero() == 0
    batch = SetBatch.from_list([x[0, :2], x[1]])
    for side in (positions[mask], batch.replace(positions[mask])):
        ragged = layer(batch, structure=side)
        assert relative_error(ragged.values, padded[mask]) < 1e-14
    space = layer.symmetry
    g = space.group.sample(generator=generator)
    turned = space.transform_structure(g, batch.replace(positions[mask]))
    assert torch.allclose(turned.values, space.transform_structure(g, positions[mask]))


@pytest.mark.parametrize("options", REACHES[:4])
@pytest.mark.parametrize("case", ["coincident", "far", "single"])
def test_degenerate_clouds_give_numbers(
    options: dict[str, float], case: str, generator: torch.Generator
) -> None:
    layer = DSS("spatial", IN, OUT, **options).double()
    points = 1 if case == "single" else 6
    positions = torch.zeros(1, 2, points, 3, dtype=DOUBLE)
    if case == "far":
        positions = positions + 1e9 * torch.arange(6.0, dtype=DOUBLE)[:, None]
    positions.requires_grad_()
    x = torch.randn(1, 2, points, 13, generator=generator, dtype=DOUBLE)
    y = layer(x, structure=positions)
    y.square().sum().backward()
    assert y.isfinite().all()
    assert positions.grad is not None
    assert positions.grad.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in layer.parameters())
    if case != "coincident" and "radius" in options:  # no neighbours: each point by itself
        mean = x.mean(1, keepdim=True)
        own = layer.siamese.own(x - mean) + layer.aggregate.own(mean)
        assert relative_error(y, own) < 1e-14


@pytest.mark.parametrize("options", REACHES[:3])
def test_training_on_forces_survives_coincident_points(
    options: dict[str, float], generator: torch.Generator
) -> None:
    types = ["points: 3", "points: 4x0e + 2x1o", "points: 4x0e + 2x1o"]
    network = SetNetwork("spatial", types, readout=1, **options).double()
    positions = torch.randn(1, 2, 5, 3, generator=generator, dtype=DOUBLE)
    positions[:, :, 1] = positions[:, :, 0]
    positions[:, :, 4] += 1e6  # no neighbour
    positions.requires_grad_()
    x = torch.randn(1, 2, 5, 3, generator=generator, dtype=DOUBLE)
    energy = network(x, structure=positions).sum()
    (force,) = torch.autograd.grad(-energy, positions, create_graph=True)
    force.square().sum().backward()
    grads = [p.grad for p in (positions, *network.parameters()) if p.grad is not None]
    assert len(grads) > 10
    assert all(grad.isfinite().all() for grad in grads)


def test_ties_do_not_break_the_symmetry(generator: torch.Generator) -> None:
    space = element_group("spatial")
    grid = torch.cartesian_prod(*[torch.arange(3.0, dtype=DOUBLE)] * 3)
    for options in ({"radius": 1.0}, {"radius": 2.0**0.5}, {"neighbors": 4}, {"neighbors": 7}):
        layer = DSS(space, "points: 2x0e + 1x1o", "points: 2x0e + 1x1o", **options).double()
        x = torch.randn(1, 2, 27, 5, generator=generator, dtype=DOUBLE)
        g = space.group.sample(generator=generator)
        result = layer(layer.in_type.transform(g, x), structure=grid @ g.T)
        assert relative_error(result, layer.out_type.transform(g, layer(x, structure=grid))) < 1e-12


def test_features_change_smoothly_as_a_point_leaves(generator: torch.Generator) -> None:
    for options in ({"radius": 2.0}, {"neighbors": 1}):
        layer = DSS("spatial", "points: 2", "points: 2", **options).double()
        x = torch.randn(1, 1, 3, 2, generator=generator, dtype=DOUBLE)
        sides = [[[0.0, 0, 0], [1.5, 0, 0], [0, far, 0]] for far in (2 - 1e-7, 2 + 1e-7)]
        if "neighbors" in options:
            sides = [[[0.0, 0, 0], [1.5, 0, 0], [0, far, 0]] for far in (1.5 - 1e-7, 1.5 + 1e-7)]
        y = [layer(x, structure=torch.tensor(side, dtype=DOUBLE)) for side in sides]
        assert relative_error(*y) < 1e-6


def test_forces_are_gradients_that_turn_along(generator: torch.Generator) -> None:
    space = element_group("spatial")
    layer = DSS(space, "points: 3", "points: 4x0e + 2x1o", radius=2.5).double()
    read = space.invariant(layer.out_type)
    x = torch.randn(1, 2, 6, 3, generator=generator, dtype=DOUBLE)
    g = space.group.sample(generator=generator)

    def forces(positions: Tensor) -> Tensor:
        positions = positions.detach().requires_grad_()
        energy = read(layer(x, structure=positions).flatten(0, 1)).sum()
        return -torch.autograd.grad(energy, positions)[0]

    positions = torch.randn(1, 2, 6, 3, generator=generator, dtype=DOUBLE)
    pulled = forces(positions)
    assert relative_error(forces(positions @ g.T), pulled @ g.T) < 1e-11
    assert pulled.sum(2).abs().max() < 1e-12 * pulled.abs().max() * 100
    assert torch.autograd.gradcheck(
        lambda p: layer(x, structure=p), positions.requires_grad_(), fast_mode=True
    )


def test_all_pairs_and_sparse_pairs_are_the_same_edges(generator: torch.Generator) -> None:
    positions = torch.randn(3, 6, 3, generator=generator, dtype=DOUBLE)
    near = find_neighbours(positions, 1.5, None)
    gap = torch.cdist(positions, positions)
    assert len(near.sender) == int((gap < 1.5).sum()) - 18
    assert torch.equal(near.sender // 6, near.receiver // 6)


def test_conformers_share_what_each_atom_knows(generator: torch.Generator) -> None:
    layer = DSS("spatial", "points: 2x0e", "points: 2x0e", alignment="independent").double()
    x = torch.randn(1, 3, 4, 2, generator=generator, dtype=DOUBLE)
    other = x.clone()
    other[0, 0, 1] += 1.0  # one atom of the first conformer
    change = (layer(other) - layer(x))[0, 1:]
    assert change[:, 1].abs().min() > 1e-3
    assert change[:, [0, 2, 3]].abs().max() < 1e-14
