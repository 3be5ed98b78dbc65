"""U-Nets of DSS layers for any element symmetry that can pool and up-sample its elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from eqsets.aggregation import Aggregation
from eqsets.construction import Construction
from eqsets.deep.assembly import UNet
from eqsets.dss import DSS
from eqsets.errors import FeatureTypeError, OptionError
from eqsets.features import FeatureType, require_same_type
from eqsets.modules import register_module
from eqsets.nn import SetPool, SetSequential, Upsample, dropout, nonlinearity
from eqsets.nn import pool as set_pooling
from eqsets.nn.defaults import before_pool
from eqsets.normalized import normalized_layer
from eqsets.registry import aggregation as resolve_aggregation
from eqsets.registry import element_group as resolve
from eqsets.sets import SetBatch
from eqsets.symmetry import ElementSymmetry

__all__ = ["SetUNet"]


@register_module("SetUNet")
class SetUNet(nn.Module):
    r"""A U-Net of DSS layers, from sets of elements to sets of elements.

    Each level has coarser elements than the one above. On the way up, the features of a level are
    up-sampled and joined with those that went down. For element groups that offer ``pool`` and
    ``upsample``: translations in 1, 2 and 3 dimensions, planar rotations and reflections.

    The network commutes with what its pooling commutes with: translations by the total stride,
    ``2 ** levels`` unless the pooling has other options. Declare it:
    ``element_group("translations", stride=4)`` for two levels.

    References:
        U-Net: Convolutional Networks for Biomedical Image Segmentation, Ronneberger, Fischer, Brox,
        MICCAI 2015, https://arxiv.org/abs/1505.04597; of set layers as in On Learning Sets of
        Symmetric Elements, Maron et al., ICML 2020, https://arxiv.org/abs/2002.08599.

    Arguments:
        element_group: name or symmetry.
        features: feature types: the input, then one for each level from fine to coarse, at least
            two, such as ``[3, 16, 32, 64]``. Resolutions follow: give all as on the finest grid.
        out_features: feature type of the output; that of the input unless given.
        depth: number of DSS layers of each level, on the way down and on the way up.
        aggregation: as for :class:`~eqsets.DSS`.
        alignment: as for :class:`~eqsets.DSS`.
        activation: name of the nonlinearity after every layer but the last.
        normalization: as for :class:`~eqsets.SetNetwork`, before the nonlinearity.
        dropout_rate: probability to drop a channel of an element, after the nonlinearity.
        set_pool: aggregation that reduces the set to one element ``(B, *element)``, or ``None``.
        pool: options of the symmetry's pooling.
        upsample: options of its up-sampling.
        layer_options: what the symmetry's linear layer takes, such as ``kernel_size=3``.

    Raises:
        FeatureTypeError: the symmetry offers no pooling or no up-sampling, these do not fit
            together, or fewer than three types.
        OptionError: ``depth`` is no positive whole number.

    Example:
        >>> import torch
        >>> images = resolve("translations", stride=2)
        >>> net = SetUNet(images, [3, 8, 16], kernel_size=3)
        >>> net(torch.randn(1, 4, 3, 16, 16)).shape
        torch.Size([1, 4, 3, 16, 16])
    """

    def __init__(
        self,
        element_group: str | ElementSymmetry,
        features: Sequence[Any],
        *,
        out_features: Any = None,
        depth: int = 1,
        aggregation: str | Aggregation = "centered",
        alignment: str = "shared",
        activation: str = "relu",
        normalization: str | None = "batch",
        dropout_rate: float = 0.0,
        set_pool: str | Aggregation | None = None,
        pool: Mapping[str, Any] | None = None,
        upsample: Mapping[str, Any] | None = None,
        bias: bool = True,
        **layer_options: Any,
    ) -> None:
        super().__init__()
        if isinstance(features, str) or len(features) < 3:
            raise FeatureTypeError(
                f"SetUNet got features={features!r}, expected at least three feature types: the "
                "input and two levels. Write for example [3, 16, 32]."
            )
        if isinstance(depth, bool) or not isinstance(depth, int) or depth < 1:
            raise OptionError(
                f"SetUNet got depth={depth!r}, expected a whole number of at least 1: the layers "
                "of each level. Write for example depth=2."
            )
        self.symmetry = symmetry = resolve(element_group)
        types = [symmetry.feature_type(spec) for spec in features]
        source = types[0]
        target = source if out_features is None else symmetry.feature_type(out_features)
        down, up = dict(pool or {}), dict(upsample or {})
        self.construction = Construction(
            SetUNet,
            symmetry,
            {"features": types, "out_features": target},
            {
                "depth": depth,
                "aggregation": resolve_aggregation(aggregation),
                "alignment": alignment,
                "activation": activation,
                "normalization": normalization,
                "dropout_rate": dropout_rate,
                "set_pool": None if set_pool is None else resolve_aggregation(set_pool),
                "pool": down,
                "upsample": up,
                "bias": bias,
            },
            layer_options,
        )

        form: dict[str, Any] = {"aggregation": aggregation, "alignment": alignment, "bias": bias}
        form |= layer_options

        def block(*kinds: FeatureType) -> list[nn.Module]:
            parts: list[nn.Module] = []
            for a, b in pairwise(kinds):
                parts += normalized_layer(symmetry, a, b, normalization=normalization, **form)
                parts.append(nonlinearity(symmetry, b, activation))
                parts += [dropout(symmetry, b, dropout_rate)] if dropout_rate else []
            return parts

        levels = _levels(symmetry, types[1:], down)
        coarse = [_coarser(symmetry, kind, down) for kind in levels[:-1]]
        first = SetSequential(*block(source, *[levels[0]] * depth))
        steps, ups, joins = [], [], []
        for number, (kind, below) in enumerate(pairwise(levels)):
            pooling = set_pooling(symmetry, kind, **down)
            steps.append(SetSequential(pooling, *block(coarse[number], *[below] * depth)))
            finer = Upsample(symmetry, coarse[number], **up)
            require_same_type(finer.out_type, kind, f"up-sampling in SetUNet of {symmetry!r}")
            ups.append(finer)
            twice = kind.with_channels(2 * kind.channels)
            above = [coarse[number - 1]] if number else []
            joins.append(SetSequential(*block(twice, *[kind] * depth, *above)))
        bottom = SetSequential(*block(levels[-1], coarse[-1]))
        ends = [] if set_pool is None else [SetPool(symmetry, target, set_pool)]
        form["aggregation"] = before_pool(resolve_aggregation(aggregation), alignment, set_pool)
        last = SetSequential(DSS(symmetry, levels[0], target, **form), *ends)
        self.body = UNet(first, *steps, bottom, *ups[::-1], *joins[::-1], last)
        self.in_type, self.out_type = self.body.in_type, self.body.out_type
        self.keeps_set = self.body.keeps_set

    def forward(
        self, x: Tensor | SetBatch, mask: Tensor | None = None, *, structure: Any = None
    ) -> Tensor | SetBatch:
        """Map ``x: (B, N, *element)`` or a SetBatch; see :class:`~eqsets.DSS`.

        Raises:
            ShapeError: the elements cannot be halved often enough.
        """
        side = self.symmetry.structure(structure)
        y: Tensor | SetBatch = self.body(x, mask, structure=side)
        return y

    def __repr__(self) -> str:
        body, count = self.body, sum(parameter.numel() for parameter in self.parameters())
        rows = [("first", body.first), *((f"down {k}", x) for k, x in enumerate(body.down, 1))]
        rows.append(("bottom", body.bottom))
        for k, (up, join) in enumerate(zip(body.up, body.join, strict=True)):
            number = len(body.up) - k
            rows += [(f"up {number}", up), (f"join {number}", join)]
        rows.append(("last", body.last))
        width = max(len(name) for name, _ in rows)
        shown = [f"  {name:<{width}}  {part.in_type} -> {part.out_type}" for name, part in rows]
        return "\n".join([f"SetUNet({self.symmetry!r}, {count} parameters", *shown, ")"])


def _coarser(
    symmetry: ElementSymmetry, kind: FeatureType, options: Mapping[str, Any]
) -> FeatureType:
    """Return the type of pooled features."""
    pooled = set_pooling(symmetry, kind, **options).out_type
    if pooled is None:
        raise AssertionError("a pooling declares its type")
    return pooled


def _levels(
    symmetry: ElementSymmetry, types: Sequence[FeatureType], options: Mapping[str, Any]
) -> list[FeatureType]:
    """Return the type of each level on its own grid: pooled as often as there are levels above."""
    levels = []
    for number, kind in enumerate(types):
        for _ in range(number):
            kind = _coarser(symmetry, kind, options)
        levels.append(kind)
    return levels
