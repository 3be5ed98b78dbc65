"""Measure every layer with declared types, alone and since the start of the model.

By itself, on the input that it really gets, a layer is equivariant or not; from the start of the
model, errors add up. A layer whose own error is large is the cause; where errors grow between two
declared layers, what stands between them is.

What is compared is the same as in :func:`eqsets.equivariance_error`: the interior of features whose
content stays away from the border of a padded grid. The input gets a margin of zeros for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from eqsets.audit.calls import Call, Types, declared_layers, record_calls
from eqsets.audit.report import AuditReport, LayerError
from eqsets.equivariance import SetTransformation, evaluating, relative_error
from eqsets.errors import EqsetsError, FeatureTypeError, ShapeError
from eqsets.features import FeatureType
from eqsets.groups import Group

__all__ = ["audit"]


def audit(
    model: nn.Module,
    x: Tensor,
    *,
    types: Mapping[str, Types] | None = None,
    group: Group | None = None,
    alignment: str | None = None,
    generator: torch.Generator | None = None,
    budget: float | None = None,
    margin: bool = True,
    samples: int = 4,
) -> AuditReport:
    """Measure every layer that has ``in_type`` and ``out_type``, and name the one that breaks.

    Arguments:
        model: takes ``(B, N, *element)``; it runs in eval mode, and its modes are restored.
        x: a real input ``(B, N, *element)``.
        types: ``{"path.of.layer": (in_type, out_type)}`` for layers that declare none.
        group: the group, where no declared type has one.
        alignment: ``"shared"`` or ``"independent"``; the model's own unless given, else shared.
        generator: source of randomness on the CPU; a fixed seed unless given.
        budget: largest relative error that counts as equivariant: 1e-9 in float64, 1e-4 in
            float32 unless given.
        margin: whether ``x`` gets a margin where its type has a border that is padded
            (:meth:`eqsets.FeatureType.with_margin`), so that only the layers are measured. The
            report then gives the effect of the border as ``border``. False for models that take
            one size only.

        samples: number of transformations: the generators of the group first, where it has some
            and all elements share them, then random ones. The largest errors are reported.

    Raises:
        FeatureTypeError: no layer declares types, or no group is known.
        ShapeError: the first declared layer does not take elements like those of ``x``, or the
            model fails on an input with a margin.

    Example:
        >>> from eqsets import DSS, element_group, nn
        >>> ring = element_group("cyclic", size=5)
        >>> broken = nn.Elementwise(torch.nn.LayerNorm((5, 2)))
        >>> _ = torch.nn.init.normal_(broken.module.weight)
        >>> model = nn.SetSequential(DSS(ring, 2, 2), broken, DSS(ring, 2, 1)).double()
        >>> audit(model, torch.randn(3, 4, 5, 2).double()).culprit
        "between 'layers.0' and 'layers.2'"
    """
    declared = declared_layers(model, types or {})
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
    limit = budget if budget is not None else (1e-9 if x.dtype == torch.float64 else 1e-4)
    run = _Audit(model, declared, _transformations(group, x, alignment, samples, generator))
    in_type = next(iter(declared.values()))[0]
    enlarged = in_type.with_margin(x) if margin else x
    with evaluating(model), torch.no_grad():
        if enlarged is x:
            rows = run.errors(x)
            bordered = in_type.interior(x).shape != x.shape
            return AuditReport(rows, limit, rows[0].after if bordered and rows else None)
        try:
            rows = run.errors(enlarged)
        except EqsetsError:
            raise
        except RuntimeError as error:
            raise ShapeError(
                f"audit gave {type(model).__name__} sets {tuple(enlarged.shape)}, which are x "
                f"{tuple(x.shape)} with a margin at its border, and it failed: {error}. Give "
                "margin=False for a model that takes one size only."
            ) from error
        return AuditReport(rows, limit, run.last_error(x), margin=True)


def _transformations(
    group: Group, x: Tensor, alignment: str, samples: int, generator: torch.Generator
) -> list[SetTransformation]:
    batch, size = x.shape[:2]
    drawn = [
        SetTransformation.draw(group, batch, size, alignment, generator) for _ in range(samples)
    ]
    if alignment != "shared":
        return drawn
    # One h for the whole batch: it then fits layers on rows as well.
    generators = group.generators()
    known = [] if generators is None else list(generators)[:samples]
    moves = [each.same_for_all_sets() for each in drawn]
    for i, h in enumerate(known):
        moves[i] = SetTransformation(moves[i].order, h.expand_as(moves[i].g))
    return moves


@dataclass(frozen=True)
class _Audit:
    """A model, its declared layers, and transformations of its input."""

    model: nn.Module
    declared: Mapping[str, Types]
    transformations: Sequence[SetTransformation]

    def errors(self, x: Tensor) -> tuple[LayerError, ...]:
        """Return the largest errors of all layers on ``x``, in order of being called."""
        plain, rows = record_calls(self.model, x, self.declared), dict[str, LayerError]()
        for moves in self.transformations:
            moved = record_calls(self.model, self._act(moves, self._in_type, x, x), self.declared)
            for name, call in plain.items():
                if name in moved:
                    error = self._measure(name, call, moved[name], moves, x)
                    rows[name] = error if name not in rows else _largest(rows[name], error)
        return tuple(rows.values())

    def last_error(self, x: Tensor) -> float:
        """Return the error that the last output of the outermost layers has on ``x``."""
        outermost = "" if "" in self.declared else None
        rows = self.errors(x)
        return next((row.after for row in rows if row.name == outermost), rows[-1].after)

    @property
    def _in_type(self) -> FeatureType:
        return next(iter(self.declared.values()))[0]

    def _measure(
        self, name: str, plain: Call, moved: Call, moves: SetTransformation, like: Tensor
    ) -> LayerError:
        (in_type, out_type), layer = self.declared[name], self.model.get_submodule(name)
        x = self._act(moves, in_type, plain.args[0], like)
        y = self._act(moves, out_type, plain.output, like)
        return LayerError(
            name=name,
            kind=type(layer).__name__,
            own=_gap(out_type, layer(x, *plain.args[1:], **plain.kwargs), y),
            before=_gap(in_type, moved.args[0], x),
            after=_gap(out_type, moved.output, y),
        )

    def _act(
        self, moves: SetTransformation, feature_type: FeatureType, x: Tensor, like: Tensor
    ) -> Tensor:
        """Transform features with the leading axes ``(B, N)``, ``(B * N)``, or ``(B)``."""
        lead = x.dim() - len(feature_type.layout)
        batch, size = like.shape[:2]
        if lead == 2 and x.shape[:2] == like.shape[:2]:
            return moves.act(feature_type, x)
        if lead == 1 and len(x) == batch * size:
            folded = x.reshape(batch, size, *x.shape[1:])
            return moves.act(feature_type, folded).reshape(x.shape)
        if lead == 1 and len(x) == batch:
            return moves.act_on_sets(feature_type, x)
        raise ShapeError(
            f"audit met features {tuple(x.shape)} in a batch of {batch} sets of {size}, expected "
            f"{feature_type.describe(('B', 'N'))}, {feature_type.describe(('B*N',))} or "
            f"{feature_type.describe(('B',))}. Declare the type that the layer really has."
        )


def _largest(a: LayerError, b: LayerError) -> LayerError:
    def largest(x: float, y: float) -> float:
        return y if not y <= x else x  # not max(): NaN must not be swallowed

    return replace(
        a,
        own=largest(a.own, b.own),
        before=largest(a.before, b.before),
        after=largest(a.after, b.after),
    )


def _gap(feature_type: FeatureType, value: Tensor, expected: Tensor) -> float:
    return relative_error(feature_type.interior(value), feature_type.interior(expected))
