"""Every way to build set modules for a symmetry: DSS with all aggregations, and whole networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from torch import nn

from eqsets.aggregation import Aggregation, Aittala, Attention, Context, MappedMax, Max
from eqsets.aggregation.centered import Centered
from eqsets.dss import ALIGNMENTS, DSS
from eqsets.modules import examples
from eqsets.network import SetNetwork
from eqsets.nn import Readout, SetPool
from eqsets.registry import aggregation as resolve_aggregation
from eqsets.symmetry import ElementSymmetry
from eqsets.testing.cases.rows import offered
from eqsets.testing.oracles.dss import LocalSum, dss_by_loop, end_by_loop, has_loop
from eqsets.testing.spec import ContractSpec, Layer, SetCase

__all__ = ["selects", "set_cases", "weighs"]


def set_cases(symmetry: ElementSymmetry, subject: ContractSpec) -> Iterator[SetCase]:
    """Yield the set modules that can be built from the first layer of a subject."""
    layer = subject.layers[0]
    for alignment in ALIGNMENTS if subject.capabilities.independent else ALIGNMENTS[:1]:
        for aggregation in subject.aggregations:
            if (aggregation, alignment) != ("none", "independent"):  # shares nothing: as shared
                yield from _layer(symmetry, subject, layer, aggregation, alignment)
    yield from _layer(symmetry, subject, layer, LocalSum(), "shared")
    yield from _normalized(symmetry, subject, layer)
    yield from _networks(symmetry, subject, layer)
    yield from _ends(symmetry, subject, layer)
    yield from _examples(symmetry, subject, layer)


def _layer(
    symmetry: ElementSymmetry,
    subject: ContractSpec,
    layer: Layer,
    aggregation: str | Aggregation,
    alignment: str,
) -> Iterator[SetCase]:
    build = partial(
        DSS,
        symmetry,
        layer.in_type,
        layer.out_type,
        aggregation=_SMALLER.get(aggregation, aggregation),
        alignment=alignment,
        **subject.options,
        **layer.options,
    )
    if (module := offered(build)) is not None:
        yield SetCase(
            f"DSS, aggregation={aggregation}, alignment={alignment}",
            build,
            **_types(symmetry, module),
            alignment=alignment,
            principal=aggregation == subject.aggregations[0],
            weighs=weighs(module),
            oracle=None if symmetry.structured or not has_loop(module) else dss_by_loop,
            **_common(symmetry, subject),
        )


def _normalized(
    symmetry: ElementSymmetry, subject: ContractSpec, layer: Layer
) -> Iterator[SetCase]:
    """Yield centred layers with a norm for each of their two parts."""
    if not isinstance(resolve_aggregation(subject.aggregations[0]), Centered):
        return
    for alignment in ALIGNMENTS if subject.capabilities.independent else ALIGNMENTS[:1]:
        build = partial(
            DSS,
            symmetry,
            layer.in_type,
            layer.out_type,
            aggregation=subject.aggregations[0],
            alignment=alignment,
            part_normalization="element",
            **subject.options,
            **layer.options,
        )
        if (module := offered(build)) is not None:
            yield SetCase(
                f"DSS, part_normalization=element, alignment={alignment}",
                build,
                **_types(symmetry, module),
                alignment=alignment,
                principal=alignment == "shared",
                oracle=None if symmetry.structured else dss_by_loop,
                normalizes=True,
                **_common(symmetry, subject),
            )


_SMALLER: Mapping[str | Aggregation, Aggregation] = {"attention": Attention(heads=2)}
"""Aggregations with fewer maps than by default, where each head has one."""


def _networks(symmetry: ElementSymmetry, subject: ContractSpec, layer: Layer) -> Iterator[SetCase]:
    """Yield networks as users build them: a set out, a vector out, one element out."""
    source, target = layer.in_type, layer.out_type
    kinds = [kind for kind in ("element", "batch") if offered(partial(symmetry.norm, target, kind))]
    norms: list[str | None] = [*kinds, None]
    ends: list[tuple[str, dict[str, Any]]] = [
        ("network", {"dropout_rate": 0.1, "normalization": norms[0]}),
        ("network with readout", {"readout": 2, "normalization": norms[0]}),
        ("network with set_pool", {"set_pool": "mean", "normalization": _of_parts(norms[-2:][0])}),
    ]
    for label, ending in ends:
        build = partial(
            SetNetwork,
            symmetry,
            [source, target, target],
            activation="silu",  # a few ReLUs may all be dead, and the network rightly constant
            **ending,
            **subject.options,
            **layer.options,
        )
        if (module := offered(build)) is not None:
            yield SetCase(
                label,
                build,
                **_types(symmetry, module),
                reduces=not module.keeps_set,
                principal=label != "network with set_pool",
                random="dropout_rate" in ending,
                statistics="batch" in (ending["normalization"] or ""),
                selects=selects(module),
                **_common(symmetry, subject),
            )


def _of_parts(kind: str | None) -> str | None:
    return None if kind is None else f"{kind}-parts"


def _ends(symmetry: ElementSymmetry, subject: ContractSpec, layer: Layer) -> Iterator[SetCase]:
    """Yield the invariant ends of networks, each with every aggregation."""
    for aggregation in ("sum", "mean", "max", "attention"):
        ends: dict[str, Callable[[], nn.Module]] = {
            "SetPool": partial(SetPool, symmetry, layer.in_type, aggregation),
            "Readout": partial(Readout, symmetry, layer.in_type, 2, aggregation),
        }
        for name, build in ends.items():
            if (module := offered(build)) is not None:
                yield SetCase(
                    f"{name}, aggregation={aggregation}",
                    build,
                    **_types(symmetry, module),
                    reduces=True,
                    principal=False,
                    weighs=weighs(module),
                    oracle=None if symmetry.structured else end_by_loop,
                    **_common(symmetry, subject),
                )


def _examples(symmetry: ElementSymmetry, subject: ContractSpec, layer: Layer) -> Iterator[SetCase]:
    """Yield the examples of registered modules: how their authors want a class tested."""
    for entry in examples():
        if entry.example is None:
            continue
        options = {**subject.options, **layer.options}
        build = partial(entry.example, symmetry, layer.in_type, layer.out_type, **options)
        if (module := offered(build)) is not None:
            yield SetCase(
                f"example of {entry.name}",
                build,
                **_types(symmetry, module),
                alignment=getattr(module, "alignment", "shared"),
                reduces=not getattr(module, "keeps_set", True),
                selects=True,  # deep ones amplify rounding as maxima do
                **_common(symmetry, subject),
            )


def weighs(module: nn.Module) -> bool:
    """Return whether a module returns the weights of attention: a layer, pool or read-out of it."""
    if isinstance(module, DSS):
        return module.context is not None and type(module.context).weights is not Context.weights
    if isinstance(module, Readout):
        return any(reduction.weigh is not None for reduction in module.reductions)
    return isinstance(module, SetPool) and module.weigh is not None


def selects(module: nn.Module) -> bool:
    """Return whether parts of a network take maxima of what other parts compute."""
    parts = [part for part in module.modules() if isinstance(part, DSS | SetPool | Readout)]
    return any(
        part is not module
        and (
            any(isinstance(each, Max | MappedMax | Aittala) for each in _aggregations(part))
            or getattr(part, "element", "mean") in ("max", "mean+max")
        )
        for part in parts
    )


def _aggregations(part: Any) -> tuple[Aggregation, ...]:
    given = part.aggregation
    return given if isinstance(given, tuple) else (given,)


def _types(symmetry: ElementSymmetry, module: Any) -> dict[str, Any]:
    group = module.in_type.group or symmetry.group
    return {"in_type": module.in_type, "out_type": module.out_type, "group": group}


def _common(symmetry: ElementSymmetry, subject: ContractSpec) -> dict[str, Any]:
    tolerance = symmetry.tolerance if subject.tolerance is None else subject.tolerance
    return {
        "symmetry": symmetry,
        "structure": subject.structure,
        "stack": subject.stack,
        "tolerance": tolerance,
        "capabilities": subject.capabilities,
        "draws": subject.draws,
    }
