"""Find the layer that breaks the symmetry of a model, and by how much.

Every layer with declared types is measured twice: by itself, on the input that it really gets (is
this layer equivariant?), and from the start of the model (how much has gone wrong so far?). A layer
whose own error is large is the culprit; where errors grow between two declared layers, what stands
between them is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.equivariance import Moves, evaluating, relative_error
from eqsets.errors import FeatureTypeError, ShapeError
from eqsets.features import FeatureType
from eqsets.groups import Group

__all__ = ["AuditReport", "LayerError", "audit"]

Types = tuple[FeatureType, FeatureType]


@dataclass(frozen=True)
class LayerError:
    """What was measured of one layer.

    Attributes:
        name: path of the layer in the model; ``""`` is the model itself.
        kind: class of the layer.
        own: relative error of the layer alone, on its real input, transformed.
        before: relative error that its input has accumulated since the start of the model.
        after: relative error that its output has accumulated.
    """

    name: str
    kind: str
    own: float
    before: float
    after: float


@dataclass(frozen=True)
class AuditReport:
    """The errors of all declared layers in the order in which they ran.

    Attributes:
        layers: one row each.
        budget: largest relative error that counts as equivariant.
    """

    layers: tuple[LayerError, ...]
    budget: float

    @property
    def ok(self) -> bool:
        """Whether no layer, and nothing between layers, breaks the symmetry."""
        return self.culprit is None

    @property
    def culprit(self) -> str | None:
        """Name of the innermost layer that breaks the symmetry first, or what it stands between."""
        outer = [row for row in self.layers if not self._inside(row)]
        return self._first_break(outer, "the input")

    def _inside(self, row: LayerError) -> list[LayerError]:
        """Return the declared layers around ``row``, the nearest last."""
        around = [
            other
            for other in self.layers
            if other is not row and (not other.name or row.name.startswith(f"{other.name}."))
        ]
        return sorted(around, key=lambda other: len(other.name))

    def _first_break(self, rows: list[LayerError], previous: str) -> str | None:
        for row in rows:
            if not row.before <= self.budget:
                return f"between {previous} and {row.name!r}"
            if not row.own <= self.budget:
                parts = [part for part in self.layers if self._inside(part)[-1:] == [row]]
                return self._first_break(parts, previous) or row.name or "the model itself"
            previous = repr(row.name)
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data, for JSON."""
        return {
            "ok": self.ok,
            "culprit": self.culprit,
            "budget": self.budget,
            "layers": [asdict(row) for row in self.layers],
        }

    def __str__(self) -> str:
        width = max(len(row.name or "(model)") for row in self.layers)
        lines = [f"{'layer':<{width}}  {'own error':>10}  {'before':>8}  {'after':>8}  kind"]
        for row in self.layers:
            lines.append(
                f"{row.name or '(model)':<{width}}  {row.own:>10.1e}  {row.before:>8.1e}  "
                f"{row.after:>8.1e}  {row.kind}"
            )
        verdict = "no layer breaks the symmetry" if self.ok else f"broken by: {self.culprit}"
        return "\n".join([*lines, f"{verdict} (budget {self.budget:.0e})"])


def audit(
    model: nn.Module,
    x: Tensor,
    *,
    types: Mapping[str, Types] | None = None,
    group: Group | None = None,
    alignment: str | None = None,
    generator: torch.Generator | None = None,
    budget: float | None = None,
) -> AuditReport:
    """Measure every layer that has ``in_type`` and ``out_type``, and name the one that breaks.

    Arguments:
        model: takes ``(B, N, *element)``; it runs in eval mode and is left as it was.
        x: a real input ``(B, N, *element)``.
        types: ``{"path.of.layer": (in_type, out_type)}`` for layers that declare none.
        group: the group, where no declared type says it.
        alignment: ``"shared"`` or ``"independent"``; the model's own unless given, else shared.
        generator: source of randomness on the CPU; a fixed seed unless given.
        budget: largest relative error that counts as equivariant: 1e-9 in float64, 1e-4 in
            float32 unless given.

    Raises:
        FeatureTypeError: no layer declares types, or no group is known.
        ShapeError: the first declared layer does not take elements like those of ``x``.

    Example:
        >>> from eqsets import DSS, element_group, nn
        >>> ring = element_group("cyclic", size=5)
        >>> broken = nn.Elementwise(torch.nn.LayerNorm((5, 2)))
        >>> _ = torch.nn.init.normal_(broken.module.weight)
        >>> model = nn.SetSequential(DSS(ring, 2, 2), broken, DSS(ring, 2, 1)).double()
        >>> audit(model, torch.randn(3, 4, 5, 2).double()).culprit
        "between 'layers.0' and 'layers.2'"
    """
    declared = _declared(model, types or {})
    group = group or next((t.group for pair in declared.values() for t in pair if t.group), None)
    if group is None:
        group = getattr(getattr(model, "symmetry", None), "group", None)
    if not declared or group is None:
        raise FeatureTypeError(
            f"audit found {len(declared)} layers with in_type and out_type in "
            f"{type(model).__name__} and the group {group!r}, expected at least one layer and a "
            "group. Give types={'name': (in_type, out_type)} and group=."
        )
    generator = generator or torch.Generator().manual_seed(0)
    alignment = alignment or getattr(model, "alignment", None) or "shared"
    # One h for the whole batch where alignment is shared: it then fits layers on rows as well.
    moves = Moves.draw(group, x.shape[0], x.shape[1], alignment, generator)
    if alignment == "shared":
        moves = Moves(moves.order, moves.g[:1, :1].expand_as(moves.g))
    first = next(iter(declared.values()))[0]
    with evaluating(model), torch.no_grad():
        plain = _record(model, x, declared)
        moved = _record(model, _move(moves, first, x, x), declared)
        rows = [
            _measure(model.get_submodule(name), name, plain[name], moved[name], pair, moves, x)
            for name, pair in declared.items()
            if name in plain and name in moved
        ]
    order = list(plain)
    rows.sort(key=lambda row: order.index(row.name))
    limit = budget if budget is not None else (1e-9 if x.dtype == torch.float64 else 1e-4)
    return AuditReport(tuple(rows), limit)


def _declared(model: nn.Module, types: Mapping[str, Types]) -> dict[str, Types]:
    known = dict(model.named_modules())
    unknown = sorted(set(types) - set(known))
    if unknown:
        raise FeatureTypeError(
            f"audit got types for {unknown}, which are no layers of {type(model).__name__}; "
            f"expected names such as {sorted(known)[1:4]}."
        )
    found: dict[str, Types] = {}
    for name, module in known.items():
        pair = types.get(
            name, (getattr(module, "in_type", None), getattr(module, "out_type", None))
        )
        if isinstance(pair[0], FeatureType) and isinstance(pair[1], FeatureType):
            found[name] = (pair[0], pair[1])
    return found


@dataclass(frozen=True)
class _Call:
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Tensor


def _record(model: nn.Module, x: Tensor, declared: Mapping[str, Types]) -> dict[str, _Call]:
    """Run the model and return the first call of every declared layer, in order of being called."""
    calls: dict[str, _Call] = {}
    started: dict[str, None] = {}
    handles = []
    for name in declared:
        layer = model.get_submodule(name)

        def starts(_: nn.Module, __: Any, name: str = name) -> None:
            started.setdefault(name)

        def ends(_: nn.Module, args: Any, kwargs: Any, output: Any, name: str = name) -> None:
            if name not in calls and isinstance(output, Tensor) and isinstance(args[0], Tensor):
                calls[name] = _Call(args, kwargs, output)

        handles.append(layer.register_forward_pre_hook(starts))
        handles.append(layer.register_forward_hook(ends, with_kwargs=True))
    try:
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    return {name: calls[name] for name in started if name in calls}


def _move(moves: Moves, feature_type: FeatureType, x: Tensor, like: Tensor) -> Tensor:
    """Transform features with lead ``(B, N)``, rows ``(B * N)``, or one element a set ``(B)``."""
    lead = x.dim() - len(feature_type.layout)
    batch, size = like.shape[:2]
    if lead == 2 and x.shape[:2] == like.shape[:2]:
        return moves.transform(feature_type, x)
    if lead == 1 and len(x) == batch * size:
        folded = x.reshape(batch, size, *x.shape[1:])
        return moves.transform(feature_type, folded).reshape(x.shape)
    if lead == 1 and len(x) == batch:
        one = Moves(moves.order, moves.g[:, :1])
        return one.transform(feature_type, x[:, None])[:, 0]
    raise ShapeError(
        f"audit met features {tuple(x.shape)} in a batch of {batch} sets of {size}, expected "
        f"{feature_type.describe(('B', 'N'))}, {feature_type.describe(('B*N',))} or "
        f"{feature_type.describe(('B',))}. Declare the type that the layer really has."
    )


def _measure(
    layer: nn.Module,
    name: str,
    plain: _Call,
    moved: _Call,
    pair: Types,
    moves: Moves,
    like: Tensor,
) -> LayerError:
    in_type, out_type = pair
    x, y = plain.args[0], plain.output
    turned_x, turned_y = _move(moves, in_type, x, like), _move(moves, out_type, y, like)
    own = layer(turned_x, *plain.args[1:], **plain.kwargs)
    return LayerError(
        name=name,
        kind=type(layer).__name__,
        own=_gap(out_type, own, turned_y),
        before=_gap(in_type, moved.args[0], turned_x),
        after=_gap(out_type, moved.output, turned_y),
    )


def _gap(feature_type: FeatureType, found: Tensor, expected: Tensor) -> float:
    return relative_error(feature_type.interior(found), feature_type.interior(expected))
