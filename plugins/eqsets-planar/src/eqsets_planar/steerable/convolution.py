"""The linear layer on images: a convolution whose filters are steerable.

Requirements that shaped this module:

- users see one plain convolution: tensors in and out, ``weight``-like parameters, the same
  state_dict keys in train and eval, and no object of escnn inside, so that it pickles, deep-copies,
  compiles and loads where escnn is absent;
- the filter is expanded from the weights in every forward pass, in eval too: nothing is cached, so
  nothing can be stale. :func:`~eqsets_planar.freeze` replaces the weights by the filter;
- what breaks exactness on the pixel grid is an error that names the sizes that fit.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import sqrt

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError
from eqsets.constants import Constants
from eqsets_planar.fields.features import PlanarFields
from eqsets_planar.fields.representations import Representation
from eqsets_planar.steerable.grouping import Grouping
from eqsets_planar.steerable.options import ConvOptions, flag

__all__ = ["SteerableConv"]

Pair = tuple[Representation, Representation]


class SteerableConv(nn.Module):
    r"""Convolve images with filters that commute with the point group.

    .. math:: y = \kappa \star x + b, \qquad \kappa = \sum_n w_n \kappa_n, \qquad
              \kappa_n(g p) = \rho_\mathrm{out}(g) \, \kappa_n(p) \, \rho_\mathrm{in}(g)^{-1}

    Weights are initialised so that white noise of unit size comes out with unit size. The bias sits
    on invariant vectors only: one number for each trivial, regular or quotient field.

    References:
        General E(2)-Equivariant Steerable CNNs, Weiler, Cesa, NeurIPS 2019,
        https://arxiv.org/abs/1911.08251, equation (3).

    Arguments:
        in_type: type of the input.
        out_type: type of the output.
        bases: filters ``(n, d_out, d_in, k, k)`` for each pair of representations (in, out).
        options: kernel size, stride, padding ...; see
            :class:`~eqsets_planar.steerable.options.ConvOptions`.
        bias: whether to add one.

    Raises:
        FeatureTypeError: no filter of that size reaches a block of the output.
    """

    def __init__(
        self,
        in_type: PlanarFields,
        out_type: PlanarFields,
        bases: Mapping[Pair, Tensor],
        options: ConvOptions,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_type, self.out_type, self.options = in_type, out_type, options
        self.grouping = Grouping(in_type, out_type, options)
        exact: dict[str, Tensor] = {}  # filters in float64
        self._terms: list[list[tuple[str, str] | None]] = []  # (weight, filters) of [out][in]
        names: dict[Pair, str] = {}
        for row, (many, target) in enumerate(out_type.blocks):
            self._terms.append([])
            for column, (count, source) in enumerate(in_type.blocks):
                basis = bases[source, target]
                if not len(basis):
                    self._terms[-1].append(None)
                    continue
                name = names.setdefault((source, target), f"filters_{len(names)}")
                exact[name] = basis
                weight = nn.Parameter(torch.empty(many, count // options.groups, len(basis)))
                self.register_parameter(f"weight_{row}_{column}", weight)
                self._terms[-1].append((f"weight_{row}_{column}", name))
            if not any(self._terms[-1]):
                raise FeatureTypeError(
                    f"no steerable filter of size {options.kernel_size} maps {in_type} to the "
                    f"{many} {target} of {out_type}, expected at least one. Choose a larger "
                    "kernel_size, or go through a type in between, such as regular fields."
                )
        self.constants = Constants(**exact)
        count = sum(many for many, r in out_type.blocks if r.has_invariant)
        self.bias = nn.Parameter(torch.empty(count)) if flag("bias", bias) and count else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw normal weights: noise of unit size keeps it; every block of inputs has its share."""
        for terms, (_, target) in zip(self._terms, self.out_type.blocks, strict=True):
            size = target.size(self.out_type.points)
            used = [column for column, term in enumerate(terms) if term is not None]
            widths = [channels.stop - channels.start for channels in self.in_type.slices()]
            for column in used:
                name = (terms[column] or ("", ""))[0]
                weight = self.get_parameter(name)
                share = widths[column] / sum(widths[other] for other in used)
                # filters have unit length: the variance of an output is that of the weights
                # times count * n / size
                variance = share * size / (weight.shape[1] * weight.shape[2])
                nn.init.normal_(weight, std=sqrt(variance))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def expand(self) -> Tensor:
        """Return the filter ``(C_out, C_in / groups, k, k)`` that the weights make."""
        # Half precision would round the sum over filters: autocast begins at the convolution.
        kind = next(self.parameters()).device.type
        with torch.autocast(kind if kind != "meta" else "cpu", enabled=False):
            return torch.cat([self._row(row) for row in range(len(self._terms))], 0)

    def _row(self, row: int) -> Tensor:
        many, target = self.out_type.blocks[row]
        height, k = many * target.size(self.out_type.points), self.options.kernel_size
        parts = []
        for term, (fields, source) in zip(self._terms[row], self.in_type.blocks, strict=True):
            count = fields // self.options.groups
            width = count * source.size(self.in_type.points)
            if term is None:
                parts.append(next(self.parameters()).new_zeros(height, width, k, k))
                continue
            weight = getattr(self, term[0])
            wide = weight.to(torch.promote_types(weight.dtype, torch.float32))
            basis = self.constants.get(term[1], wide)
            part = (wide @ basis.flatten(1)).to(weight.dtype)
            part = part.reshape(many, count, *basis.shape[1:]).transpose(1, 2)
            parts.append(part.reshape(height, width, k, k))
        return torch.cat(parts, 1)

    def filter(self) -> Tensor:
        """Return :meth:`expand`; deprecated."""
        warnings.warn("SteerableConv.filter is now expand", DeprecationWarning, stacklevel=2)
        return self.expand()

    def expanded_bias(self) -> Tensor | None:
        """Return the bias of each channel ``(C_out,)``."""
        if self.bias is None:
            return None
        parts, start = [], 0
        for many, representation in self.out_type.blocks:
            size = representation.size(self.out_type.points)
            if not representation.has_invariant:
                parts.append(self.bias.new_zeros(many * size))
                continue
            parts.append(self.bias[start : start + many].repeat_interleave(size))
            start += many
        return torch.cat(parts)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, C_in, H, W)`` to ``(E, C_out, H', W')``.

        Raises:
            ShapeError: the channels do not fit, or the size of the image breaks exactness.
        """
        self.in_type.check(x, ("E",), "SteerableConv")
        self.options.check_image(self.in_type.points, x)
        return self.grouping.convolve(x, self.expand(), self.expanded_bias())

    def as_conv2d(self) -> nn.Conv2d:
        """Return a plain ``torch.nn.Conv2d`` with the filters expanded once for all: to deploy."""
        options = self.options
        weight, bias = self.grouping.dense(self.expand()).detach(), self.expanded_bias()
        plain = nn.Conv2d(
            self.in_type.size,
            self.out_type.size,
            options.kernel_size,
            stride=options.stride,
            padding=options.margin,
            dilation=options.dilation,
            padding_mode=options.padding_mode,  # type: ignore[arg-type]
            bias=bias is not None,
            device=weight.device,
            dtype=weight.dtype,
        )
        with torch.no_grad():
            plain.weight.copy_(weight)
            if plain.bias is not None and bias is not None:
                plain.bias.copy_(bias)
        return plain

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, {self.options}"
