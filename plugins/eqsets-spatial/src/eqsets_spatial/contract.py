"""The contract specs of ``"spatial"``: for ``eqsets check`` and the tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from eqsets import DSS, PartBatch, SetNetwork
from eqsets.nn import bilinear
from eqsets.testing import Capabilities, ContractSpec, Layer, PartCase, SetCase
from eqsets_spatial.cloud import Cloud
from eqsets_spatial.positions import rotate_positions
from eqsets_spatial.symmetry import Spatial

__all__ = ["cloud_subject", "linked_clouds", "subject", "unequal_clouds"]


def subject(*, reflections: bool = True) -> ContractSpec:
    """Return the spec of steerable vectors: scalars, vectors and both parities."""
    space = Spatial(reflections=reflections)
    types = tuple(
        space.feature_type(spec) for spec in ("2x0e + 1x1o", "1x0e + 2x1o + 1x0o", "3x0e")
    )
    layers = (Layer(types[0], types[1]), Layer(types[1], types[0]), Layer(types[2], types[2]))
    clouds = cloud_subject(reflections=reflections, radius=2.0, degree=1, basis=3, hidden=4)
    return ContractSpec(
        "spatial",
        plugin=reflections,
        symmetry=space,
        types=types,
        layers=layers,
        contains=lambda g: _orthogonal(g, reflections),
        variants=(replace(clouds, aggregations=("centered",)),),
        sets=linked_clouds(reflections),
        parted=unequal_clouds(reflections),
    )


_BONDS = torch.tensor([[0, 1, 1, 2, 2, 3, 4, 0, 0], [1, 0, 2, 1, 3, 2, 0, 4, 0]])
_SHIFTS = torch.tensor([[0, 0, 0]] * 6 + [[1, 0, -1], [-1, 0, 1], [0, 1, 0]])


def _features() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(_BONDS.shape[1], 2, generator=generator, dtype=torch.float64)


def _bonded(generator: torch.Generator) -> Cloud:
    return Cloud(_cloud(5, generator), _BONDS, _features())


def _periodic(generator: torch.Generator) -> Cloud:
    cell = _cell(generator)
    wrapped = torch.randint(-1, 2, (5, 3), generator=generator).double() @ cell
    return Cloud(_cloud(5, generator) + wrapped, cell=cell)


def _shifted(generator: torch.Generator) -> Cloud:
    return Cloud(_cloud(5, generator), _BONDS, cell=_cell(generator), shifts=_SHIFTS)


def _cell(generator: torch.Generator) -> Tensor:
    eye = torch.eye(3, dtype=torch.float64)
    return 6 * eye + torch.rand(3, 3, generator=generator, dtype=torch.float64)


def _stack_clouds(clouds: Sequence[Cloud], sets: int, size: int) -> Cloud:
    first = clouds[0]
    cell = None if first.cell is None else _stack([one.cell for one in clouds], sets, size)  # type: ignore[misc]
    return replace(
        first, positions=_stack([one.positions for one in clouds], sets, size), cell=cell
    )


def _own_radial(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 4), nn.Tanh(), nn.Linear(4, outputs))


def linked_clouds(reflections: bool = True) -> tuple[SetCase, ...]:
    """Return layers with edges of their own, features of edges, periodic cells, and products."""
    space = Spatial(reflections=reflections)
    kind = space.feature_type("points: 2x0e + 1x1o")
    reach: dict[str, Any] = {"degree": 1, "basis": 3, "hidden": 4}
    cases: dict[str, tuple[dict[str, Any], Callable[[torch.Generator], Cloud]]] = {
        "edges with features, a radial network of its own": (
            {"edges": True, "edge_features": 2, "basis": 0, "radial": _own_radial},
            _bonded,
        ),
        "periodic cell": ({"radius": 2.4, **reach}, _periodic),
        "edges with shifts": ({"edges": True, **reach}, _shifted),
    }
    convolutions = tuple(
        SetCase(
            f"DSS, {name}",
            partial(DSS, space, kind, kind, **options),
            kind,
            kind,
            space.group,
            principal=name == "periodic cell",
            symmetry=space,
            structure=structure,
            stack=_stack_clouds,
            tolerance=space.tolerance,
        )
        for name, (options, structure) in cases.items()
    )
    target = space.feature_type("points: 1x0e + 1x1o + 1x0o")
    products = SetCase(
        "products of features",
        partial(bilinear, space, kind, target, channels=2),
        kind,
        target,
        space.group,
        alignment="independent",
        tolerance=space.tolerance,
    )
    return (*convolutions, products)


def unequal_clouds(reflections: bool = True) -> tuple[PartCase, ...]:
    """Return modules on clouds of unequal numbers of points: conformers, and different clouds."""
    own = Spatial(reflections=reflections)
    other = Spatial(reflections=reflections, correspondence=False)
    kind = own.feature_type("points: 2x0e + 1x1o")
    conformers, different = ((4, 4, 4), (6, 6)), ((3, 5, 4), (6, 2))
    each: dict[str, Any] = {"alignment": "independent"}
    reach: dict[str, Any] = {"radius": 2.0, "degree": 1, "basis": 3, "hidden": 4}
    nearest: dict[str, Any] = {**reach, "radius": None, "neighbors": 3}

    def network(space: Spatial, **options: Any) -> Callable[[], nn.Module]:
        return partial(SetNetwork, space, [kind, kind, kind], readout=3, **options)

    cases: dict[str, tuple[Any, ...]] = {
        "radius": (partial(DSS, own, kind, kind, **reach), conformers, "shared", kind),
        "neighbors": (partial(DSS, own, kind, kind, **nearest), conformers, "shared", kind),
        "attention": (
            partial(DSS, own, kind, kind, aggregation="attention", **reach),
            conformers,
            "shared",
            kind,
        ),
        "network": (network(own, **reach), conformers, "shared", None),
        "norms of parts": (
            network(own, normalization="element-parts", **each, **reach),
            conformers,
            "independent",
            None,
        ),
        "different clouds": (network(other, **each, **nearest), different, "independent", None),
        "attention of different clouds": (
            partial(DSS, other, kind, kind, aggregation="attention", **each, **reach),
            different,
            "independent",
            kind,
        ),
    }
    return tuple(
        PartCase(
            f"unequal clouds, {name}",
            build,
            kind,
            sizes,
            lambda _, generator: own.group.sample(generator=generator),
            out_type,
            alignment,
            _cloud,
            lambda g, positions: rotate_positions(g, positions),
            lambda sides, sizes: PartBatch.from_list(sides),
            lambda sides, sizes, shape: PartBatch.from_list(sides).to_padded()[0],
            lambda sides: torch.stack(sides)[None],
            own.tolerance,
        )
        for name, (build, sizes, alignment, out_type) in cases.items()
    )


def _cloud(points: int, generator: torch.Generator) -> Tensor:
    return torch.randn(points, 3, generator=generator, dtype=torch.float64)


def cloud_subject(*, reflections: bool = True, **options: Any) -> ContractSpec:
    """Return the spec of point clouds: features on five points, convolved as ``options`` say."""
    space = Spatial(reflections=reflections)
    specs = ("points: 2x0e + 1x1o", "points: 2x0e + 1x1o + 1x0e")
    types = tuple(space.feature_type(spec) for spec in specs)
    return ContractSpec(
        f"spatial clouds, {options}",
        symmetry=space,
        types=types,
        layers=(Layer(types[0], types[1]), Layer(types[1], types[0])),
        options=options,
        contains=lambda g: _orthogonal(g, reflections),
        structure=lambda generator: torch.randn(5, 3, generator=generator, dtype=torch.float64),
        stack=_stack if options else None,  # without options no layer reads the positions
        pools=({}, {"reduce": "sum"}),
        # All maps between functions of five points would be dense in the points.
        capabilities=Capabilities(complete=False),
    )


def _stack(clouds: Sequence[Tensor], sets: int, size: int) -> Tensor:
    stacked: Tensor = torch.stack(list(clouds)).unflatten(0, (sets, size))
    return stacked


def _orthogonal(g: Tensor, reflections: bool) -> Tensor:
    eye = torch.eye(3, dtype=g.dtype, device=g.device)
    fits = ((g @ g.mT - eye).abs() < 1e-9).all(-1).all(-1)
    return fits if reflections else fits & (torch.linalg.det(g) > 0)
