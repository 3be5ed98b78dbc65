"""Build each of the eleven models for a task, all of the same size within a few per cent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any, TypeVar

from torch import Tensor, nn

from eqsets import DSS, ElementSymmetry, FeatureType, InvariantFeatures, OptionError, element_group
from eqsets.errors import choices
from eqsets.nn import Readout, SetSequential, invariant, nonlinearity, norm
from experiments.models.designs import DESIGNS, INDEPENDENT, Design

__all__ = ["Plan", "SetModel", "build_model", "count_parameters", "fit_budget", "models_of"]

_TOLERANCE = 0.05
_Model = TypeVar("_Model", bound=nn.Module)


@dataclass(frozen=True)
class Plan:
    """The common configuration of all models of a task.

    Arguments:
        symmetry: of the elements, with options such as ``grid=``, so that its types sample inputs
            of the data's size.
        in_features: feature type of the input.
        element: shape of one element, such as ``(3, 24, 24)``.
        layers: options of the linear map of each layer of the encoder, such as ``kernel_size``.
        outputs: number of classes; 1 to score each element.
        select: score the elements, ``(B, N, 1)``, instead of classifying the set, ``(B, outputs)``.
        budget: number of parameters of every model, within 5 %.
        head: width of the hidden layers after the encoder.
        head_aggregation: of a DeepSets head; the paper's is the maximum.
        normalization: ``"batch"``, ``"element"`` or ``None``.
        activation: between the layers.
        fields: type of hidden features, if not scalars: ``"regular"`` of a planar group.
        structure: shared by all elements, such as the edges of a mesh; it belongs to the data,
            and is not part of the identity of a plan.
    """

    symmetry: ElementSymmetry
    in_features: Any
    element: tuple[int, ...]
    layers: tuple[dict[str, Any], ...]
    outputs: int
    select: bool
    budget: int
    head: int = 32
    head_aggregation: str = "max"
    normalization: str | None = "batch"
    activation: str = "relu"
    fields: str | None = field(default=None, repr=False)
    structure: Any = field(default=None, repr=False)


class SetModel(nn.Module):
    """An encoder and a head, with feature types."""

    def __init__(self, encoder: nn.Module, head: nn.Module, plan: Plan) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        self.symmetry = plan.symmetry
        self.in_type: FeatureType = plan.symmetry.feature_type(plan.in_features)
        self.out_type = InvariantFeatures(plan.outputs)
        self.structure = self.symmetry.structure(plan.structure)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, structure: Any = None) -> Tensor:
        """Map ``x: (B, N, *element)`` to classes ``(B, outputs)`` or scores ``(B, N, 1)``.

        Arguments:
            x: sets of elements.
            mask: which are present, ``(B, N)``.
            structure: default: that of the plan.
        """
        given = self.structure if structure is None else structure
        y: Tensor = self.head(self.encoder(x, mask, structure=given), mask)
        return y


class _Flat(nn.Module):
    """Flatten elements to vectors, which removes their symmetry."""

    def __init__(self, encoder: SetSequential) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor, mask: Tensor | None = None, *, structure: Any = None) -> Tensor:
        y: Tensor = self.encoder(x.flatten(2), mask)
        return y


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def build_model(plan: Plan, name: str | Design) -> SetModel:
    """Return a model by name or design, with the number of parameters of the plan.

    Raises:
        OptionError: the name is unknown, or no width is within 5 % of the budget.
    """
    known = {**DESIGNS, **INDEPENDENT}
    if isinstance(name, str) and name not in known:
        raise OptionError(f"there is no model {name!r}: {choices(name, known)}")
    design = known[name] if isinstance(name, str) else name
    return fit_budget(
        lambda scale: _of_scale(plan, design, scale), plan.budget, len(plan.layers), design.title
    )


def fit_budget(build: Callable[[int], _Model], budget: int, least: int, name: str) -> _Model:
    """Return ``build(scale)`` for the scale nearest to a number of parameters.

    Raises:
        OptionError: no scale from ``least`` on is within 5 % of the budget.
    """
    low, high = least, 2 * least
    while count_parameters(build(high)) < budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if count_parameters(build(middle)) < budget:
            low = middle
        else:
            high = middle
    best = min((build(low), build(high)), key=lambda model: abs(count_parameters(model) - budget))
    if abs(count_parameters(best) - budget) > _TOLERANCE * budget:
        raise OptionError(
            f"{name} has {count_parameters(best)} parameters at its best width, expected {budget} "
            "within 5 %. Use a larger budget, or a smaller head."
        )
    return best


def models_of(plan: Plan) -> dict[str, Callable[[], SetModel]]:
    """Return for each of the eleven names a function that builds the model."""
    return {name: partial(build_model, plan, name) for name in DESIGNS}


def _of_scale(plan: Plan, design: Design, scale: int) -> SetModel:
    """Build with ``scale`` channels in total over all layers: finer steps than equal widths."""
    count = len(plan.layers)
    unit = 2 if "aittala" in (design.first, design.rest) else 1  # concatenated halves
    widths = tuple(unit * ((scale + layer) // count) for layer in range(count))
    encode = _encoder if design.symmetric else _vector_encoder
    encoder = SetSequential(*encode(plan, design, widths))
    head = SetSequential(*_head(plan, design, widths[-1]))
    return SetModel(encoder if design.symmetric else _Flat(encoder), head, plan)


def _encoder(plan: Plan, design: Design, widths: tuple[int, ...]) -> list[nn.Module]:
    parts: list[nn.Module] = []
    current: Any = plan.in_features
    aggregations = design.encoder(len(widths))
    for width, aggregation, options in zip(widths, aggregations, plan.layers, strict=True):
        target = width if plan.fields is None else f"{width} {plan.fields}"
        if design.parts and plan.normalization is not None:
            both = DSS(
                plan.symmetry,
                current,
                target,
                aggregation=aggregation,
                alignment=design.alignment,
                part_normalization=plan.normalization,
                **options,
            )
            parts += [both, nonlinearity(plan.symmetry, both.out_type, plan.activation)]
        else:
            layer = DSS(
                plan.symmetry,
                current,
                target,
                aggregation=aggregation,
                alignment=design.alignment,
                **options,
            )
            parts += [layer, *_after(plan, plan.symmetry, layer.out_type)]
        current = parts[-1].out_type
    return [*parts, invariant(plan.symmetry, current)]


def _vector_encoder(plan: Plan, design: Design, widths: tuple[int, ...]) -> list[nn.Module]:
    plain, parts, current = element_group("trivial"), [], prod(plan.element)
    for width, aggregation in zip(widths, design.encoder(len(widths)), strict=True):
        layer = DSS(plain, current, width, aggregation=aggregation)
        parts += [layer, *_after(plan, plain, layer.out_type)]
        current = width
    return parts


def _after(plan: Plan, symmetry: ElementSymmetry, features: FeatureType) -> list[nn.Module]:
    norms = [] if plan.normalization is None else [norm(symmetry, features, plan.normalization)]
    return [*norms, nonlinearity(symmetry, features, plan.activation)]


def _head(plan: Plan, design: Design, features: int) -> list[nn.Module]:
    plain, parts, current = element_group("trivial"), [], features
    *hidden, last = design.head_layers(plan.select, plan.head_aggregation)
    for aggregation in hidden:
        parts += [
            DSS(plain, current, plan.head, aggregation=aggregation),
            nonlinearity(plain, plan.head, plan.activation),
        ]
        current = plan.head
    if plan.select:
        return [*parts, DSS(plain, current, plan.outputs, aggregation=last)]
    return [*parts, Readout(plain, current, plan.outputs, "mean")]
