"""The DSS layer: equivariant to reordering the set and to the group acting on its elements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.aggregation import Aggregation
from eqsets.aggregation.centered import Centered
from eqsets.aggregation.context import require_equal_sizes
from eqsets.aggregation.coordinates import convert_weights, load_weights, require_same_function
from eqsets.aggregation.part_norms import part_norms
from eqsets.construction import Construction
from eqsets.errors import FeatureTypeError, ShapeError, choices
from eqsets.layout import Layout, as_rows
from eqsets.modules import register_module
from eqsets.registry import aggregation as resolve_aggregation
from eqsets.registry import element_group as resolve_element_group
from eqsets.sets import SetBatch
from eqsets.structure import Structure
from eqsets.symmetry import ElementSymmetry

__all__ = ["ALIGNMENTS", "DSS"]

ALIGNMENTS = ("shared", "independent")


@register_module("DSS")
class DSS(nn.Module):
    r"""Map a set of symmetric elements to another: Deep Sets for Symmetric elements.

    With shared alignment, one :math:`h \in H` moves all elements (:math:`S_n \times H`):

    .. math:: L(X)_i = A (x_i - m) + B m, \qquad m = \frac1n \sum_j x_j

    where :math:`A, B` are H-equivariant linear maps; with both complete these are *all*
    equivariant linear maps. They are those of the published form
    :math:`L_1 x_i + L_2 \sum_j x_j` (``aggregation="sum"``), with one weight for the differences
    between elements and one for what they have in common, see :mod:`eqsets.aggregation.centered`.
    With independent alignment each element has its own :math:`h_i` (the wreath product): elements
    can share only invariants :math:`u`, which come back through :math:`E`, a linear map into the
    features that are invariant under the group, onto which :math:`P` projects:

    .. math:: L(X)_i = A x_i - P \frac1n \sum_j A x_j + E \frac1n \sum_j u(x_j)

    Other aggregations are in :mod:`eqsets.aggregation`. Aggregating comes first, so the second map
    runs once a set: the cost is :math:`1 + 1/n` times that of :math:`A` alone.

    References:
        On Learning Sets of Symmetric Elements, Maron, Litany, Chechik, Fetaya, ICML 2020,
        https://arxiv.org/abs/2002.08599, Theorem 1. Independent alignment: Equivariant Maps for
        Hierarchical Structures, Wang, Albooyeh, Ravanbakhsh, NeurIPS 2020,
        https://arxiv.org/abs/2006.03627.

    Arguments:
        element_group: name (``"translations"``) or :class:`~eqsets.ElementSymmetry`.
        in_features: feature type of the input, as ``element_group.feature_type`` takes it.
        out_features: feature type of the output.
        aggregation: ``"centered"`` (a weight for the differences from the mean and one for the
            mean), ``"sum"``, ``"mean"``, ``"max"``, ``"none"`` (Siamese), ``"gated-centered"``
            (Siamese at first), ``"sridhar"``, ``"aittala"``, ``"attention"``,
            ``"gated-attention"``, another registered name, or an :class:`~eqsets.Aggregation`.
        alignment: ``"shared"`` or ``"independent"``.
        bias: whether to add the bias that the symmetry allows.
        context: options of the second map alone, such as ``{"kernel_size": 1}``, in place of the
            layer options; ``None``: the same for both maps. Both maps must give elements of one
            size.
        part_normalization: ``"batch"`` or ``"element"``: a norm for what elements have of their
            own and one for what they share, see :mod:`eqsets.aggregation.part_norms`. In the
            centred form that of the mean starts at 0.3. Norms with a bias replace that of the
            maps. ``None``: no norm.
        layer_options: what the symmetry's linear layer takes, such as ``kernel_size=3``.

    Raises:
        PluginError: the element group or the aggregation is unknown or cannot be loaded.
        FeatureTypeError: a type is not understood or has no such norm, the aggregation would break
            its symmetry, ``context`` is given for a layer without a second map, or
            ``part_normalization`` for one that does not add two parts.

    Example:
        >>> from eqsets import element_group
        >>> layer = DSS(element_group("cyclic", size=5), 2, 3, aggregation="mean")
        >>> layer(torch.randn(8, 4, 5, 2)).shape
        torch.Size([8, 4, 5, 3])
    """

    # 1: no context module around the second map; 1, 2: the default aggregation was the sum.
    _version = 3

    def __init__(
        self,
        element_group: str | ElementSymmetry,
        in_features: Any,
        out_features: Any,
        *,
        aggregation: str | Aggregation = "centered",
        alignment: str = "shared",
        bias: bool = True,
        context: Mapping[str, Any] | None = None,
        part_normalization: str | None = None,
        **layer_options: Any,
    ) -> None:
        super().__init__()
        if alignment not in ALIGNMENTS:
            raise FeatureTypeError(
                f"DSS got alignment={alignment!r}: {choices(alignment, ALIGNMENTS)}"
            )
        self.symmetry = symmetry = resolve_element_group(element_group)
        given = symmetry.feature_type(in_features), symmetry.feature_type(out_features)
        self.in_type, self.out_type = symmetry.layer_types(*given, **layer_options)
        self.aggregation = resolve_aggregation(aggregation)
        self.alignment = alignment
        self.construction = Construction(
            DSS,
            symmetry,
            {"in_features": given[0], "out_features": given[1]},
            {
                "aggregation": self.aggregation,
                "alignment": alignment,
                "bias": bias,
                "context": None if context is None else dict(context),
                "part_normalization": part_normalization,
            },
            layer_options,
        )
        combiner = self.aggregation.combiner
        local_type = combiner.local_type(self.out_type)
        self.part_norms = part_norms(symmetry, local_type, self.aggregation, part_normalization)
        if self.part_norms is not None and self.part_norms.biased:
            bias = False
        self.siamese = symmetry.linear(
            self.in_type, local_type, bias=combiner.local_bias(bias), **layer_options
        )
        self.context = self.aggregation.build(
            symmetry,
            self.in_type,
            local_type,
            alignment=alignment,
            bias=combiner.context_bias(bias),
            **(layer_options if context is None else context),
        )
        if context is not None:
            self._require_second_map(context)
        if self.part_norms is not None:
            self._require_two_parts(part_normalization)
        if self.context is not None:
            self.context.initialize(self.siamese)

    @property
    def invariant(self) -> nn.Module | None:
        """The invariants that elements share, with independent alignment; else ``None``."""
        return getattr(self.context, "invariant", None)

    @property
    def aggregate(self) -> nn.Module | None:
        """The map of the context: L2, or E with independent alignment; ``None`` without one."""
        return getattr(self.context, "aggregate", None)

    def forward(
        self,
        x: Tensor | SetBatch,
        mask: Tensor | None = None,
        *,
        structure: Any = None,
        return_weights: bool = False,
    ) -> Tensor | SetBatch | tuple[Tensor | SetBatch, Tensor | SetBatch]:
        """Map a batch of sets; the output has the layout of the input.

        Arguments:
            x: ``(B, N, *in_type.layout)``, or a :class:`~eqsets.SetBatch` of such elements.
            mask: ``(B, N)`` bool, True = present, for a padded ``x``; the output is zero where it
                is False, whatever ``x`` holds there.
            structure: side information, for symmetries that use it (edges of a graph).
            return_weights: with attention, also return the weights of the elements; see
                :class:`~eqsets.aggregation.Attention`.

        Raises:
            ShapeError: shape, dtype or device of ``x`` or ``mask`` do not fit, or a set is empty.
            FeatureTypeError: weights are asked for, and the aggregation has none.
        """
        layout, rows = as_rows(x, mask, self.in_type, "DSS")
        self._check_dtype(rows)
        side = self.symmetry.structure(structure)
        y = self._output(layout, rows, side)
        if not return_weights:
            return y
        if self.context is None:
            raise FeatureTypeError(
                f"DSS got return_weights=True with aggregation {self.aggregation!r}, expected "
                "'attention' or 'gated-attention'. Leave return_weights=False."
            )
        return y, self.context.weights(layout, rows, side)

    def _output(self, layout: Layout, rows: Tensor, side: Structure) -> Tensor | SetBatch:
        module = self.context
        if module is None:
            return layout.restore(self.siamese(rows, *side.rows(layout)))
        split = module.local_and_context if self.part_norms is None else module.parts
        local, context = split(layout, rows, side, self.siamese)
        each = module.per_element
        if self.construction.arguments["context"] is not None and not each:
            require_equal_sizes(context, local)
        if self.part_norms is not None:
            local, context = self.part_norms(layout, local, context, per_element=each)
        return self.aggregation.combiner.combine(
            layout, local, context, out_type=self.out_type, per_element=each
        )

    def reparametrize(
        self,
        aggregation: str | Aggregation,
        *,
        set_size: int | None = None,
        structure: Any = None,
    ) -> DSS:
        """Return a layer with the same function in other coordinates, with weights of its own.

        The sum, the mean and the centred form span the same maps. The sum differs from the others
        by the size of the set, so functions that involve it agree on sets of one size.

        Arguments:
            aggregation: ``"sum"``, ``"mean"`` or ``"centered"``.
            set_size: number of elements, where one of both forms is the sum.
            structure: side information for two sets, to try the result with, where layers need it.

        Raises:
            FeatureTypeError: there are no such coordinates (another aggregation, independent
                alignment, maps that are not linear in their weights, a second map with options of
                its own).
            OptionError: ``set_size`` is needed, and not given or not a whole number from 1.

        Example:
            >>> layer = DSS("trivial", 3, 4, aggregation="mean")
            >>> x = torch.randn(2, 5, 3)
            >>> torch.allclose(layer.reparametrize("centered")(x), layer(x), atol=1e-5)
            True
        """
        target = resolve_aggregation(aggregation)
        if self.part_norms is not None:
            raise FeatureTypeError(
                f"reparametrize got a layer with part_normalization="
                f"{self.construction.arguments['part_normalization']!r}, expected one without: its "
                "two parts are normalised by themselves, which is another function in other "
                "coordinates. Keep the layer as it is."
            )
        if self.alignment != "shared" or self.aggregate is None:
            raise FeatureTypeError(
                f"reparametrize got alignment={self.alignment!r} and aggregation "
                f"{self.aggregation!r}, expected shared alignment and 'sum', 'mean' or 'centered': "
                "other layers have one form only."
            )
        call = self.construction
        own = call.arguments["context"]
        kinds = {type(self.aggregation), type(target)}
        if own not in (None, call.options) and Centered in kinds and len(kinds) > 1:
            raise FeatureTypeError(
                f"reparametrize got a layer whose second map has options of its own, {own!r} "
                f"instead of {dict(call.options)!r}, expected equal options: the other form of "
                "this layer needs the sum of both maps as one. Keep the layer as it is."
            )
        local, context = convert_weights(
            self.siamese, self.aggregate, self.aggregation, target, set_size
        )
        arguments = {**call.types, **call.arguments, "aggregation": target, **call.options}
        layer = DSS(self.symmetry, **arguments).train(self.training)
        if layer.aggregate is None:
            raise AssertionError("the sum, the mean and the centred form have a second map")
        layer.to(next(self.siamese.parameters()))
        load_weights(layer.siamese, self.siamese, local)
        load_weights(layer.aggregate, self.aggregate, context)
        require_same_function(self, layer, set_size or 3, structure)
        return layer

    def _require_second_map(self, context: Mapping[str, Any]) -> None:
        shared = self.alignment == "shared" and not self.aggregation.reads_local
        if not shared or self.context is None:
            raise FeatureTypeError(
                f"DSS got context={dict(context)!r} with aggregation={self.aggregation!r} and "
                f"alignment={self.alignment!r}, expected a layer with a second map of the type of "
                "the first: shared alignment, and an aggregation such as 'centered'. Leave context "
                "out."
            )

    def _require_two_parts(self, part_normalization: str | None) -> None:
        if self.context is None or not self.aggregation.combiner.adds_parts:
            raise FeatureTypeError(
                f"DSS got part_normalization={part_normalization!r} with "
                f"aggregation={self.aggregation!r} and alignment={self.alignment!r}, expected a "
                "layer that adds what elements share to what they have of their own, such as "
                "'centered'. Put eqsets.nn.norm behind the layer instead."
            )

    def _check_dtype(self, rows: Tensor) -> None:
        # Not next(), which dynamo of torch 2.6 to 2.9 cannot trace.
        for weight in self.siamese.parameters():
            if hasattr(weight, "device_mesh"):
                continue  # of a nested layer that FSDP2 shards: cast when that layer runs
            if rows.dtype == weight.dtype and rows.device == weight.device:
                return
            if not torch.is_autocast_enabled(rows.device.type):
                raise ShapeError(
                    f"DSS got x of {rows.dtype} on {rows.device}, expected {weight.dtype} on "
                    f"{weight.device} as its weights have. Convert with x.to(...) or layer.to(...)."
                )
            return

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load weights; those of a layer of the former default are refused by the present one."""
        for name in ("invariant", "aggregate"):
            old = f"{prefix}{name}."
            for key in [key for key in state_dict if key.startswith(old)]:
                state_dict[f"{prefix}context.{key[len(prefix) :]}"] = state_dict.pop(key)
        if self._are_of_former_default(state_dict, prefix, local_metadata.get("version")):
            error_msgs.append(
                f"{prefix or 'DSS: '}weights of a layer whose aggregation is not 'centered', the "
                "default since version 0.2; before, it was 'sum'. They would be another function "
                "here. Write aggregation='sum' (or what the layer was trained with), load them, "
                "and convert with layer.reparametrize('centered', set_size=...) if you like."
            )
        super()._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )

    def _are_of_former_default(
        self, state_dict: Mapping[str, Any], prefix: str, version: int | None
    ) -> bool:
        """Return whether weights are those of a sum, and this layer is centred.

        The bias says so, which is in the other map. Without one, the version of the weights says
        whether the sum was the default.
        """
        if not isinstance(self.aggregation, Centered) or self.aggregate is None:
            return False
        if not any(key.startswith(f"{prefix}siamese.") for key in state_dict):
            return False  # of nothing, or of parts of it
        if self.alignment == "independent":
            if getattr(self.context, "offset", None) is not None:
                return not any(key.startswith(f"{prefix}context.offset.") for key in state_dict)
            return version in (1, 2)
        local, common = (set(one.state_dict()) for one in (self.siamese, self.aggregate))
        if common > local:
            return any(f"{prefix}siamese.{name}" in state_dict for name in common - local)
        return version in (1, 2)

    def extra_repr(self) -> str:
        return (
            f"{self.symmetry!r}, {self.in_type} -> {self.out_type}, "
            f"aggregation={self.aggregation!r}, alignment={self.alignment!r}"
        )
