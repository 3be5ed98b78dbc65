"""All that eqsets-planar asks of escnn: its planar spaces, its field types, its filter bases.

Requirements that shaped this module:

- escnn builds only under a float32 default dtype, on the CPU, without scikit-learn's SVD, and warns
  about py3nj (not used here) and numpy's matrix class: it runs inside a guard that restores every
  setting;
- nothing of escnn is stored in modules or types: they pickle, deep-copy and load without it.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from eqsets import FeatureTypeError, PluginError
from eqsets_planar.fields.parsing import Blocks, merged, named
from eqsets_planar.fields.representations import Representation
from eqsets_planar.point_group import PointGroup
from eqsets_planar.steerable.escnn_imports import substitutes

__all__ = ["blocks_of", "filter_basis", "is_field_type", "load"]

_MISSING = (
    "element group 'planar' could not import escnn ({cause}), expected escnn 1.0.11. To install it "
    "without a Fortran compiler: pip install numpy scipy joblib && pip install --no-deps "
    "escnn==1.0.11"
)


# How escnn names the representations that this plugin has.
_NAME = re.compile(
    r"(?P<kind>irrep|quotient|regular)(?:_(?=\d)|\[(?=.*\]$)|$)(?P<label>[\d,()None ]*)\]?"
)
_INDUCED = re.compile(
    r"induced\[\(?(?:(?P<axis>None|\d+), )?(?P<count>\d+)\)?\]\[irrep_(?P<irrep>[\d,]+)\]"
)


@contextlib.contextmanager
def _guard() -> Iterator[None]:
    """Run escnn under the settings that it needs: float32, the CPU, no warnings, no printing."""
    before = torch.get_default_dtype()
    # scikit-learn 1.9, where it is installed, refuses the matrices that escnn gives its SVD.
    numerical: Any = sys.modules.get("escnn.group._numerical")
    svd = getattr(numerical, "randomized_svd", None)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.set_default_dtype(torch.float32)
        if svd is not None:
            numerical.randomized_svd = None
        try:
            with torch.device("cpu"), torch.no_grad():
                yield
        finally:
            torch.set_default_dtype(before)
            if svd is not None:
                numerical.randomized_svd = svd


def load() -> tuple[ModuleType, ModuleType]:
    """Import escnn and return its modules ``gspaces`` and ``nn``; takes seconds the first time.

    Raises:
        PluginError: escnn, or what it needs, cannot be imported.
    """
    with _guard(), substitutes():
        try:
            import escnn.gspaces
            import escnn.nn
        except (ImportError, AttributeError) as error:
            raise PluginError(_MISSING.format(cause=error)) from error
    return escnn.gspaces, escnn.nn


def _space(points: PointGroup, max_frequency: int) -> Any:
    """Return escnn's planar space of a point group."""
    gspaces, _ = load()
    if points.rotations is None:
        make = gspaces.flipRot2dOnR2 if points.reflections else gspaces.rot2dOnR2
        return make(-1, maximum_frequency=max_frequency)
    if points.reflections:
        return gspaces.flipRot2dOnR2(points.rotations)
    return gspaces.rot2dOnR2(points.rotations)


def _representation(space: Any, points: PointGroup, representation: Representation) -> Any:
    """Return escnn's representation of that name."""
    if representation.kind == "trivial":
        return space.trivial_repr
    if representation.kind == "regular":
        return space.regular_repr
    mirror_only = points.reflections and points.rotations == 1  # escnn's group is then its C2
    if representation.kind == "irrep":
        return space.irrep(1) if mirror_only else space.irrep(*representation.label)
    if representation.kind == "induced":
        return _induced(space, points, representation.label)
    axis_and_count = points.reflections and not mirror_only
    if axis_and_count:
        label = representation.label
        return space.quotient_repr(label if len(label) == 2 else (None, *label))
    return space.quotient_repr(representation.label[-1])


def _induced(space: Any, points: PointGroup, label: tuple[int, ...]) -> Any:
    mirrored = len(label) == 4
    name: Any = tuple(label[:2]) if mirrored else (None, label[0])
    if not points.reflections:
        name = label[0]
    subgroup = space.fibergroup.subgroup(name)[0]
    numbers = label[2:] if mirrored else label[1:]
    if mirrored and label[1] == 1:  # escnn has one mirror alone as its C2
        numbers = (1,)
    return space.induced_repr(name, subgroup.irrep(*numbers))


def filter_basis(
    points: PointGroup,
    source: Representation,
    target: Representation,
    kernel_size: int,
    dilation: int,
    frequencies_cutoff: float | None,
) -> Tensor:
    """Return escnn's steerable filters ``(n, d_out, d_in, k, k)`` as it samples them, in float32.

    ``n`` is 0 where no filter of that size maps between the representations.
    """
    _, nn = load()
    frequency = max([8, 2 * max((*source.label, *target.label), default=0)])
    shape = (target.size(points), source.size(points), kernel_size, kernel_size)
    with _guard():
        space = _space(points, frequency)
        types = [nn.FieldType(space, [_representation(space, points, r)]) for r in (source, target)]
        try:
            layer = nn.R2Conv(
                *types,
                kernel_size,
                dilation=dilation,
                frequencies_cutoff=frequencies_cutoff,
                bias=False,
                initialize=False,
            )
        except ValueError as error:
            if "empty" not in str(error):
                raise
            return torch.zeros(0, *shape)
        bases = [b for name, b in layer.named_buffers() if name.endswith("sampled_basis")]
        if len(bases) != 1:
            raise AssertionError(f"expected one sampled basis of escnn, got {len(bases)}")
        basis: Tensor = bases[0].detach().reshape(-1, *shape).clone()
        return basis


def is_field_type(spec: object) -> bool:
    """Return whether ``spec`` is a FieldType of escnn; never imports escnn."""
    return any(
        base.__name__ == "FieldType" and base.__module__.split(".")[0] == "escnn"
        for base in type(spec).__mro__
    )


def blocks_of(field_type: Any, points: PointGroup, max_frequency: int) -> Blocks:
    """Return the blocks of an escnn FieldType.

    Raises:
        FeatureTypeError: it belongs to another space, or holds a representation without a name.
    """
    space, expected = field_type.gspace, _space(points, max_frequency)
    if space != expected:
        raise FeatureTypeError(
            f"got an escnn FieldType on {space}, expected one on {expected}. Make the element "
            "group with the rotations and reflections of the space (left-right mirrors)."
        )
    blocks = []
    for representation in field_type.representations:
        kind, numbers = _read(representation.name, points)
        known = named(points, kind, numbers, max_frequency, str(field_type))[0]
        if known.size(points) != representation.size:
            raise _unknown(representation.name)
        blocks.append((1, known))
    return merged(blocks)


def _read(name: str, points: PointGroup) -> tuple[str, tuple[int, ...]]:
    """Return kind and numbers of a representation that escnn has named."""
    induced = _INDUCED.fullmatch(name)
    if induced is not None:
        irrep = tuple(int(number) for number in induced["irrep"].split(","))
        if induced["axis"] in (None, "None"):
            return "induced", (int(induced["count"]), *irrep)
        if len(irrep) == 1:  # of one mirror alone, escnn's C2
            irrep = (irrep[0], 0)
        return "induced", (int(induced["axis"]), int(induced["count"]), *irrep)
    read = _NAME.fullmatch(name)
    if read is None:
        raise _unknown(name)
    kind = read["kind"]
    numbers = tuple(int(number) for number in re.findall(r"\d+", read["label"] or ""))
    if kind == "irrep" and points.reflections and points.rotations == 1:
        numbers = (numbers[0], 0)
    return kind, numbers


def _unknown(name: str) -> FeatureTypeError:
    return FeatureTypeError(
        f"got an escnn FieldType with the representation {name!r}, expected irreps, regular, "
        "quotient and induced representations. Take those of gspace.irrep(...), "
        "gspace.regular_repr, gspace.quotient_repr(...) and gspace.induced_repr(...) of an irrep, "
        "and write a direct sum as several fields."
    )
