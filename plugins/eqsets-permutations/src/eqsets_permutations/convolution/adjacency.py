"""Sparse products with the adjacency of a graph, for many elements at once.

Requirements that shaped this module:

- one product for a whole set: features of all its elements side by side, ``(n, E * C)``;
- it compiles and exports: the product is one operator of its own, with its own derivative;
- half precision sums in float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eqsets_permutations.edges import Edges

__all__ = ["Adjacency", "spmm"]


def _weighted_sums(start: Tensor, column: Tensor, value: Tensor, x: Tensor) -> Tensor:
    # A sum of weighted rows is a bag of embeddings: the fastest of torch's sparse products, and one
    # that every device and dtype has.
    wide = torch.promote_types(x.dtype, torch.float32)
    y = torch.nn.functional.embedding_bag(
        column,
        x.to(wide),
        start,
        mode="sum",
        per_sample_weights=value.to(wide),
        include_last_offset=True,
    )
    return y.to(x.dtype)


@torch.library.custom_op("eqsets_permutations::transposed_product", mutates_args=())
def _transposed_product(start: Tensor, column: Tensor, value: Tensor, x: Tensor) -> Tensor:
    return _weighted_sums(start, column, value, x)


@_transposed_product.register_fake
def _(start: Tensor, column: Tensor, value: Tensor, x: Tensor) -> Tensor:
    return x.new_empty(start.shape[0] - 1, x.shape[1])


@torch.library.custom_op("eqsets_permutations::product", mutates_args=())
def _product(
    start: Tensor,
    column: Tensor,
    row: Tensor,
    value: Tensor,
    back_start: Tensor,
    back_column: Tensor,
    back_order: Tensor,
    x: Tensor,
) -> Tensor:
    return _weighted_sums(start, column, value, x)


@_product.register_fake
def _(
    start: Tensor,
    column: Tensor,
    row: Tensor,
    value: Tensor,
    back_start: Tensor,
    back_column: Tensor,
    back_order: Tensor,
    x: Tensor,
) -> Tensor:
    return x.new_empty(start.shape[0] - 1, x.shape[1])


def _save(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    _, column, row, value, back_start, back_column, back_order, x = inputs
    needs = ctx.needs_input_grad[3]
    ctx.save_for_backward(
        column, row, value, back_start, back_column, back_order, x if needs else None
    )


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    column, row, value, back_start, back_column, back_order, x = ctx.saved_tensors
    grad_value = grad_x = None
    if ctx.needs_input_grad[7]:
        grad_x = _transposed_product(back_start, back_column, value[back_order], grad)
    if x is not None:
        grad_value = (grad[row] * x[column]).sum(1).to(value.dtype)
    return None, None, None, grad_value, None, None, None, grad_x


_product.register_autograd(_backward, setup_context=_save)


class _Product(torch.autograd.Function):
    # The same product for eager mode: less than half the overhead of an operator of its own, and
    # derivatives of every order. The transpose of the transpose is the matrix itself.
    generate_vmap_rule = True

    @staticmethod
    def forward(*inputs: Tensor) -> Tensor:
        start, column, _, value, _, _, _, x = inputs
        return _weighted_sums(start, column, value, x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        *matrix, x = inputs
        ctx.save_for_backward(*matrix, x if ctx.needs_input_grad[3] else None)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        start, column, row, value, back_start, back_column, back_order, x = ctx.saved_tensors
        grad_value = grad_x = None
        if ctx.needs_input_grad[7] and not torch.is_grad_enabled():
            grad_x = _weighted_sums(back_start, back_column, value[back_order], grad)
        elif ctx.needs_input_grad[7]:
            inverse = torch.empty_like(back_order).scatter_(
                0, back_order, torch.arange(len(back_order), device=back_order.device)
            )
            transposed = (back_start, back_column, column[back_order], value[back_order])
            grad_x = _Product.apply(*transposed, start, column, inverse, grad)  # type: ignore[no-untyped-call]
        if x is not None:
            grad_value = (grad[row] * x[column]).sum(1).to(value.dtype)
        return None, None, None, grad_value, None, None, None, grad_x


@dataclass(frozen=True, eq=False)
class Adjacency:
    """A sparse matrix ``(n, n)`` by rows, and the order of its transpose for the derivative.

    Attributes:
        start: ``(n + 1,)``, where each row begins.
        column: ``(M,)``, source of each edge, sorted by target.
        row: ``(M,)``, target of each edge.
        value: ``(M,)``.
        back: start, column and order of the transpose.
    """

    start: Tensor
    column: Tensor
    row: Tensor
    value: Tensor
    back: tuple[Tensor, Tensor, Tensor]

    @classmethod
    def of(cls, index: Tensor, value: Tensor, size: int) -> Adjacency:
        """Return the matrix with ``value`` at (target, source); values at equal indices add up."""
        source, target = index[0], index[1]
        if _exporting():
            return cls(source, source, target, value, (source, source, source))
        order = target.argsort()
        column, row = source[order], target[order]
        back = column.argsort()
        return cls(
            _starts(target, size),
            column,
            row,
            value[order],
            (_starts(source, size), row[back], back),
        )

    def __matmul__(self, x: Tensor) -> Tensor:
        """Return the product with ``x (n, F)``."""
        return spmm(self, x)


def spmm(matrix: Adjacency, x: Tensor) -> Tensor:
    r"""Return :math:`y_i = \sum_j A_{ij} x_j` for ``x (n, F)``: ``O(M F)``."""
    if _exporting():
        wide = torch.promote_types(x.dtype, torch.float32)
        terms = matrix.value.to(wide)[:, None] * x.to(wide)[matrix.column]
        return torch.zeros_like(x, dtype=wide).index_add(0, matrix.row, terms).to(x.dtype)
    parts = (matrix.start, matrix.column, matrix.row, matrix.value, *matrix.back, x)
    product: Tensor = (
        _product(*parts) if torch.compiler.is_compiling() else _Product.apply(*parts)  # type: ignore[no-untyped-call]
    )
    return product


def _exporting() -> bool:
    """Return whether a program is written: it uses operators of torch alone, in any order.

    Other runtimes have no operator of ours, and ONNX has no bags of embeddings.
    """
    return torch.compiler.is_compiling() and getattr(torch.compiler, "is_exporting", bool)()


def sum_adjacency(edges: Edges, size: int, like: Tensor) -> Adjacency:
    r"""Return :math:`A`, the weights or ones."""
    return Adjacency.of(edges.index, _weights(edges, like), size)


def mean_adjacency(edges: Edges, size: int, like: Tensor) -> Adjacency:
    r"""Return :math:`D^{-1} A`; a node without neighbours gets zero."""
    value = _weights(edges, like)
    degree = value.new_zeros(size).index_add(0, edges.index[1], value)
    return Adjacency.of(edges.index, value / degree[edges.index[1]], size)


def gcn_adjacency(edges: Edges, size: int, like: Tensor, loop: float) -> Adjacency:
    r"""Return :math:`D^{-1/2} (A + c I) D^{-1/2}`; nodes that have a loop keep theirs."""
    source, target = edges.index[0], edges.index[1]
    value = _weights(edges, like)
    looped = value.new_zeros(size).index_add(0, source, (source == target).to(value.dtype))
    nodes = torch.arange(size, device=source.device)
    index = torch.cat([edges.index, nodes.expand(2, size)], 1)
    value = torch.cat([value, torch.where(looped > 0, 0.0, loop).to(value.dtype)])
    degree = value.new_zeros(size).index_add(0, index[1], value)
    # Negative weights may cancel: such a node gets zero, as an isolated one would.
    scale = torch.where(degree > 0, degree.clamp(min=torch.finfo(value.dtype).tiny).rsqrt(), 0)
    return Adjacency.of(index, scale[index[0]] * value * scale[index[1]], size)


def _weights(edges: Edges, like: Tensor) -> Tensor:
    wide = torch.promote_types(like.dtype, torch.float32)
    if edges.weight is not None:
        return edges.weight.to(wide)
    return torch.ones(edges.index.shape[1], dtype=wide, device=edges.index.device)


def _starts(rows: Tensor, size: int) -> Tensor:
    """Return where each row begins in a list sorted by row, ``(size + 1,)``."""
    counts = rows.new_zeros(size + 1).index_add(0, rows + 1, torch.ones_like(rows))
    return counts.cumsum(0)
