"""The contract specs of ``"spatial"``: for ``eqsets check`` and the tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from eqsets.testing import Capabilities, ContractSpec, Layer
from eqsets_spatial.symmetry import Spatial

__all__ = ["cloud_subject", "subject"]


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
    )


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
