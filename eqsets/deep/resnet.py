r"""Residual networks of DSS layers: as deep as the task needs, for any element symmetry.

A chain of DSS layers stops training at some depth. Here every block adds to its input,
:math:`x + f(x)`, and starts as the identity; the normalisation is inside the block (pre-norm).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

from torch import Tensor, nn

from eqsets.aggregation import Aggregation
from eqsets.construction import Construction
from eqsets.deep.start import set_to_zero
from eqsets.dss import DSS
from eqsets.errors import FeatureTypeError, OptionError, choices
from eqsets.features import FeatureType
from eqsets.modules import register_module
from eqsets.nn import (
    Aggregations,
    Readout,
    Residual,
    SetPool,
    SetSequential,
    dropout,
    nonlinearity,
    norm,
)
from eqsets.nn.defaults import before_pool, chosen_element_readout
from eqsets.nn.ends import run_to_end
from eqsets.nn.readout import reductions
from eqsets.normalized import norm_kind, normalized_layer
from eqsets.registry import aggregation as resolve_aggregation
from eqsets.registry import element_group as resolve
from eqsets.sets import SetBatch
from eqsets.symmetry import ElementSymmetry

__all__ = ["SetResNet"]

_STARTS = ("default", "scale", "zero")
_PLAIN = 4  # blocks without a scale


def _example(symmetry: ElementSymmetry, source: Any, target: Any, **options: Any) -> SetResNet:
    """Return a network for the contract, with blocks that are not the identity."""
    # not ReLU: a few of them may all be zero, and the network constant
    rest: dict[str, Any] = {"depth": 1, "activation": "silu", "start": "default", **options}
    return SetResNet(symmetry, [source, target, target], **rest)


@register_module("SetResNet", example=_example, former={"readout_element": "mean"})
class SetResNet(nn.Module):
    r"""A DSS layer, residual blocks, and a DSS layer, with an end of your choice.

    A block is :math:`x + L_2\, \sigma\, N\, L_1\, \sigma\, N\, x` with DSS layers :math:`L_1, L_2`,
    normalisations :math:`N` and nonlinearities :math:`\sigma`. Between hidden types that differ, a
    Siamese linear map carries :math:`x` from one to the next. The cost is :math:`2 \cdot`
    ``depth`` DSS layers for each hidden type.

    References:
        Identity Mappings in Deep Residual Networks, He, Zhang, Ren, Sun, ECCV 2016,
        https://arxiv.org/abs/1603.05027. ``start="scale"``: ReZero is All You Need, Bachlechner et
        al., UAI 2021, https://arxiv.org/abs/2003.04887.

    Arguments:
        element_group: name or symmetry.
        features: feature types: input, one or more hidden ones, output, such as ``[3, 32, 16]``.
        depth: number of residual blocks, of each hidden type or a list with one number for each.
        aggregation: as for :class:`~eqsets.DSS`.
        alignment: as for :class:`~eqsets.DSS`.
        activation: name of the nonlinearity in front of every layer but the first.
        normalization: ``"element"``, ``"batch"`` or ``None``, in front of each nonlinearity.
            ``"element-parts"``, ``"batch-parts"``: the second norm of each block is one for each
            part of the layer before it, see :class:`~eqsets.DSS`; the norms of :math:`x` are whole.
        dropout_rate: probability to drop a channel of an element, after the nonlinearities.
        readout: length of an invariant output vector ``(B, readout)``; follows a nonlinearity.
        readout_aggregation: how the read-out aggregates over the set, as for
            :class:`~eqsets.SetNetwork`: ``"none"`` scores each element.
        readout_element: how it reads an element, as there.
        set_pool: aggregation that reduces the set to one element ``(B, *element)``, or ``None``.
        start: ``"zero"`` starts the last layer of each block as the zero map; with more than 4
            blocks, a learned number multiplies each, from the square root of 4 over their number,
            so that steps of training change deep networks as much as shallow ones. ``"scale"``
            does not change the layer, and the number starts at zero; so it is, too, where a last
            layer is not linear in its weights (a perceptron). ``"default"`` does neither.
        layer_options: what the symmetry's linear layer takes, such as ``kernel_size=3``.

    Raises:
        FeatureTypeError: fewer than three types, both ends given, or types that do not fit.
        OptionError: ``depth`` or ``start`` is not understood.

    Example:
        >>> SetResNet("trivial", [3, 16, 8], depth=4, readout=2)
        SetResNet(element_group('trivial'), 4922 parameters
          DSS           3 invariants -> 16 invariants
          Residual * 4  16 invariants -> 16 invariants
          ElementNorm   16 invariants -> 16 invariants
          ReLU          16 invariants -> 16 invariants
          DSS           16 invariants -> 8 invariants
          ElementNorm   8 invariants -> 8 invariants
          ReLU          8 invariants -> 8 invariants
          Readout       8 invariants -> 2 invariants
        )
    """

    def __init__(
        self,
        element_group: str | ElementSymmetry,
        features: Sequence[Any],
        *,
        depth: int | Sequence[int],
        aggregation: str | Aggregation = "centered",
        alignment: str = "shared",
        activation: str = "relu",
        normalization: str | None = "element",
        dropout_rate: float = 0.0,
        readout: int | None = None,
        readout_aggregation: Aggregations = "max",
        readout_element: str = "auto",
        set_pool: str | Aggregation | None = None,
        start: str = "zero",
        bias: bool = True,
        **layer_options: Any,
    ) -> None:
        super().__init__()
        if isinstance(features, str) or len(features) < 3:
            raise FeatureTypeError(
                f"SetResNet got features={features!r}, expected at least three feature types: "
                "input, hidden, output. Write for example [3, 32, 16]."
            )
        _check_choices(readout, set_pool, start)
        self.symmetry = symmetry = resolve(element_group)
        types = [symmetry.feature_type(spec) for spec in features]
        counts = _depths(depth, len(types) - 2)
        over_the_set = reductions(readout_aggregation)
        readout_element = chosen_element_readout(readout_element, symmetry, types[-1])
        self.construction = Construction(
            SetResNet,
            symmetry,
            {"features": types},
            {
                "depth": depth if isinstance(depth, int) else list(depth),
                "aggregation": resolve_aggregation(aggregation),
                "alignment": alignment,
                "activation": activation,
                "normalization": normalization,
                "dropout_rate": dropout_rate,
                "readout": readout,
                "readout_aggregation": over_the_set,
                "readout_element": readout_element,
                "set_pool": None if set_pool is None else resolve_aggregation(set_pool),
                "start": start,
                "bias": bias,
            },
            layer_options,
        )

        blocks_in_all = sum(counts)  # beyond 4, the sum of their outputs stays as large
        share = None if blocks_in_all <= _PLAIN else (_PLAIN / blocks_in_all) ** 0.5

        form: dict[str, Any] = {"aggregation": aggregation, "alignment": alignment, "bias": bias}
        form |= layer_options

        def layer(source: Any, target: Any, **changed: Any) -> DSS:
            return DSS(symmetry, source, target, **{**form, **changed})

        def after(kind: FeatureType) -> list[nn.Module]:
            drops = [dropout(symmetry, kind, dropout_rate)] if dropout_rate else []
            return [nonlinearity(symmetry, kind, activation), *drops]

        whole = norm_kind(normalization)

        def before(kind: FeatureType) -> list[nn.Module]:
            return [*([norm(symmetry, kind, whole)] if whole else []), *after(kind)]

        def block(source: FeatureType, target: FeatureType) -> Residual:
            first = normalized_layer(symmetry, source, target, normalization=normalization, **form)
            last = layer(target, target)
            inner = [*before(source), *first, *after(target), last]
            zero = start == "zero" and set_to_zero(last)
            changes = source != target
            shortcut = layer(source, target, aggregation="none", bias=False) if changes else None
            scale = None if start == "default" else share if zero else 0.0
            return Residual(SetSequential(*inner), shortcut, scale=scale)

        blocks: list[nn.Module] = [layer(types[0], types[1])]
        hidden = types[1:-1]
        for source, target, count in zip([hidden[0], *hidden], hidden, counts, strict=False):
            steps = [source, *[target] * count]
            blocks += [block(a, b) for a, b in pairwise(steps)]
        end = before_pool(resolve_aggregation(aggregation), alignment, set_pool)
        blocks += [*before(types[-2]), layer(types[-2], types[-1], aggregation=end)]
        if readout is not None:
            blocks += before(types[-1])
            read = Readout(symmetry, types[-1], readout, over_the_set, element=readout_element)
            blocks.append(read)
        if set_pool is not None:
            blocks.append(SetPool(symmetry, types[-1], set_pool))
        self.blocks = SetSequential(*blocks)
        self.in_type, self.out_type = self.blocks.in_type, self.blocks.out_type
        self.keeps_set = self.blocks.keeps_set

    def forward(
        self,
        x: Tensor | SetBatch,
        mask: Tensor | None = None,
        *,
        structure: Any = None,
        return_scores: bool = False,
        return_weights: bool = False,
    ) -> Any:
        """Map ``x: (B, N, *element)`` or a SetBatch; see :meth:`eqsets.SetNetwork.forward`."""
        side = self.symmetry.structure(structure)  # once for all layers
        return run_to_end(
            self.blocks,
            x,
            mask,
            side,
            return_scores=return_scores,
            return_weights=return_weights,
            owner="SetResNet",
        )

    def __repr__(self) -> str:
        count = sum(parameter.numel() for parameter in self.parameters())
        rows = []
        for (name, ends), equal in groupby(self.blocks.layers, _shown):
            many = len(list(equal))
            rows.append((name if many == 1 else f"{name} * {many}", ends))
        width = max(len(name) for name, _ in rows)
        lines = [f"SetResNet({self.symmetry!r}, {count} parameters"]
        return "\n".join([*lines, *(f"  {name:<{width}}  {ends}" for name, ends in rows), ")"])


def _shown(layer: Any) -> tuple[str, str]:
    """Return the name of a layer and its types, as a line of the ``repr``."""
    name = type(getattr(layer, "module", layer)).__name__
    return name, f"{layer.in_type} -> {layer.out_type}"


def _check_choices(readout: int | None, set_pool: str | Aggregation | None, start: str) -> None:
    if readout is not None and set_pool is not None:
        raise FeatureTypeError(
            f"SetResNet got readout={readout} and set_pool={set_pool!r}, expected one end at "
            "most: a vector, or one element."
        )
    if start not in _STARTS:
        raise OptionError(f"SetResNet got start={start!r}: {choices(start, _STARTS)}")


def _depths(depth: int | Sequence[int], stages: int) -> list[int]:
    """Return the number of blocks of each hidden type."""
    many = [depth] * stages if isinstance(depth, int) else list(depth)
    whole = all(isinstance(one, int) and not isinstance(one, bool) and one >= 1 for one in many)
    if len(many) != stages or not whole:
        raise OptionError(
            f"SetResNet got depth={depth!r} for {stages} hidden types, expected a whole number of "
            "at least 1, or a list with one for each hidden type. Write for example depth=8."
        )
    return many
