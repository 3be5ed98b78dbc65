"""Categorical attributes of nodes and edges: whole numbers in columns, as OGB and ZINC have them.

Requirements that shaped this module:

- columns are embedded and added, with one embedding table for all columns;
- values are checked where they can be read without waiting for a device, and a message says which
  column, which value and what was expected;
- numbers of categories are given, or read from a data set; no data set is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from eqsets import (
    Construction,
    ElementSymmetry,
    FeatureType,
    FeatureTypeError,
    SetBatch,
    ShapeError,
    register_module,
)
from eqsets import element_group as resolve
from eqsets.groups import SymmetricGroup
from eqsets.layout import as_rows
from eqsets_permutations.edges import is_whole
from eqsets_permutations.features import SAMPLE_NODES, NodeFeatures

__all__ = [
    "OGB_ATOMS",
    "OGB_BONDS",
    "ZINC_ATOMS",
    "ZINC_BONDS",
    "CategoryEmbedding",
    "ColumnEmbedding",
    "NodeCategories",
    "category_sizes",
    "check_whole",
    "checked_sizes",
]

OGB_ATOMS = (119, 5, 12, 12, 10, 6, 6, 2, 2)
"""Numbers of categories of the nine columns of atoms of OGB's molecules: atomic number, chirality,
degree, formal charge, hydrogens, radical electrons, hybridization, aromatic, in a ring. As in
``ogb/utils/features.py`` of snap-stanford/ogb; versions whose chirality has four fit as well."""

OGB_BONDS = (5, 6, 2)
"""Those of the three columns of bonds of OGB: type, stereo, conjugated. From the same file."""

ZINC_ATOMS = (28,)
"""Number of atom types of ZINC (12 000 molecules), as documented by DGL's ``ZINCDataset``."""

ZINC_BONDS = (4,)
"""Number of bond types of ZINC, from the same page; those of PyG's data set go from 1 to 3."""


@dataclass(frozen=True)
class NodeCategories(FeatureType):
    r"""Categories of nodes ``(P, columns)``, whole numbers moved with the nodes.

    .. math:: (g \cdot x)_{g(p)} = x_p

    The input type of :class:`CategoryEmbedding`; other layers take features.

    Arguments:
        sizes: number of categories of each column.
        nodes: node count of random samples; it does not count for equality.

    Raises:
        FeatureTypeError: a size is no whole number of at least 1, or there is none.

    Example:
        >>> NodeCategories((28, 4)).layout
        ('P', 2)
        >>> NodeCategories((1, 1), nodes=3).sample()
        tensor([[0, 0],
                [0, 0],
                [0, 0]])
    """

    sizes: tuple[int, ...]
    nodes: int = field(default=SAMPLE_NODES, compare=False)
    has_parts = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", checked_sizes("NodeCategories", self.sizes))

    @property
    def group(self) -> SymmetricGroup:  # type: ignore[override]
        return SymmetricGroup(self.nodes)

    @property
    def layout(self) -> tuple[int | str, ...]:
        return ("P", len(self.sizes))

    def with_sizes(self, *sizes: int) -> NodeCategories:
        if len(set(sizes)) != 1:
            raise FeatureTypeError(f"{self} got the sizes {sizes} for samples, expected one.")
        return replace(self, nodes=sizes[0])

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        """Move the nodes of ``x (*batch, P, columns)`` as ``g (*batch, P)`` says."""
        return NodeFeatures(len(self.sizes), self.nodes).transform(g, x)

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Return random categories; they are int64 whatever ``dtype`` asks for."""
        device = generator.device if generator is not None else None
        shape = (*batch, self.nodes)
        columns = [
            torch.randint(size, shape, generator=generator, device=device) for size in self.sizes
        ]
        return torch.stack(columns, -1)

    def check(self, x: Tensor, lead: tuple[str, ...], owner: str, hint: str = "") -> None:
        super().check(x, lead, owner, hint or _WIDTH)
        check_whole(x, owner)

    def __str__(self) -> str:
        return f"categories {'x'.join(map(str, self.sizes))}"


_WIDTH = "Give one size for each column: category_sizes(dataset) reads them."


class ColumnEmbedding(nn.Module):
    r"""Add the embeddings of all columns: :math:`y = \sum_k E_k[x_k]`.

    The tables :math:`E_k` are the parts of one weight, drawn with variance ``1 / columns``.

    Arguments:
        sizes: number of categories of each column.
        out_channels: width of the embeddings.
        owner: who asks, for messages.

    Raises:
        FeatureTypeError: a size is no whole number of at least 1, or there is none.

    Example:
        >>> ColumnEmbedding((28, 4), 16)(torch.tensor([[27, 3], [0, 0]])).shape
        torch.Size([2, 16])
    """

    offset: Tensor

    def __init__(
        self, sizes: Sequence[int], out_channels: int, owner: str = "ColumnEmbedding"
    ) -> None:
        super().__init__()
        self.sizes, self.owner = checked_sizes(owner, sizes), owner
        self.out_channels = out_channels
        self.weight = nn.Parameter(torch.empty(sum(self.sizes), out_channels))
        starts = torch.tensor(self.sizes).cumsum(0) - torch.tensor(self.sizes)
        self.register_buffer("offset", starts, persistent=False)
        nn.init.normal_(self.weight, std=len(self.sizes) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map whole numbers ``(*batch, columns)`` to ``(*batch, out_channels)``.

        Raises:
            ShapeError: they are no whole numbers, there are more or fewer columns, or a value is
                out of range (which is looked for on the CPU only).
        """
        check_whole(x, self.owner)
        if x.shape[-1] != len(self.sizes):
            raise ShapeError(
                f"{self.owner} got {x.shape[-1]} columns of categories {tuple(x.shape)}, expected "
                f"{len(self.sizes)}, of the sizes {list(self.sizes)}. {_WIDTH}"
            )
        if x.device.type == "cpu" and not torch.compiler.is_compiling():
            self._check_range(x)
        return nn.functional.embedding(x.long() + self.offset, self.weight).sum(-2)

    def _check_range(self, x: Tensor) -> None:
        outside = (x < 0) | (x.long() >= torch.tensor(self.sizes))
        if bool(outside.any()):
            *_, column = outside.nonzero()[0].tolist()
            value = int(x[..., column][outside[..., column]][0])
            raise ShapeError(
                f"{self.owner} got the category {value} in column {column}, expected 0 to "
                f"{self.sizes[column] - 1}: that column has {self.sizes[column]} categories. Count "
                "from 0, or give a larger size; category_sizes(dataset) reads them."
            )

    def extra_repr(self) -> str:
        return f"{list(self.sizes)} -> {self.out_channels}"


@register_module("CategoryEmbedding")
class CategoryEmbedding(nn.Module):
    r"""Embed the categories of every node: :math:`y_{ip} = \sum_k E_k[x_{ipk}]`.

    The first module of a network on graphs with categorical nodes. It acts on every node by itself,
    so it commutes with every permutation of nodes and of the set. Columns are added, as OGB's
    encoder of atoms adds them.

    References:
        Open Graph Benchmark, Hu et al., NeurIPS 2020, https://arxiv.org/abs/2005.00687.

    Arguments:
        element_group: ``"permutations"`` or a symmetry of its own.
        sizes: number of categories of each column, such as :data:`OGB_ATOMS`, ``[28]``, or what
            :func:`category_sizes` returns.
        out_features: features of nodes, such as ``32``.

    Raises:
        FeatureTypeError: a size is no whole number of at least 1, or the output is no type of
            features of nodes.

    Example:
        >>> import eqsets
        >>> network = eqsets.nn.SetSequential(
        ...     CategoryEmbedding("permutations", [28], 16),
        ...     eqsets.SetNetwork("permutations", [16, 16], conv="gin", readout=1),
        ... )
        >>> atoms = torch.randint(28, (2, 5, 3, 1))  # 2 sets of 5 graphs of 3 atoms
        >>> network(atoms, structure=torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([2, 1])
    """

    keeps_set = True

    def __init__(
        self, element_group: str | ElementSymmetry, sizes: Sequence[int], out_features: Any
    ) -> None:
        super().__init__()
        self.symmetry = resolve(element_group)
        self.out_type = self.symmetry.feature_type(out_features)
        if not isinstance(self.out_type, NodeFeatures):
            raise FeatureTypeError(
                f"CategoryEmbedding got out_features={self.out_type!r} of {self.symmetry!r}, "
                "expected features of nodes. Write CategoryEmbedding('permutations', sizes, 32)."
            )
        self.in_type = NodeCategories(
            checked_sizes("CategoryEmbedding", sizes), self.out_type.nodes
        )
        self.table = ColumnEmbedding(self.in_type.sizes, self.out_type.count, "CategoryEmbedding")
        self.construction = Construction(
            CategoryEmbedding,
            self.symmetry,
            {"out_features": self.out_type},
            {"sizes": list(self.in_type.sizes)},
        )

    def forward(
        self, x: Tensor | SetBatch, mask: Tensor | None = None, *, structure: Any = None
    ) -> Tensor | SetBatch:
        """Map ``x: (B, N, P, columns)`` of whole numbers, or a SetBatch or PartBatch of them.

        Raises:
            ShapeError: shape or dtype do not fit, or a category is out of range.
        """
        layout, rows = as_rows(x, mask, self.in_type, "CategoryEmbedding")
        y: Tensor | SetBatch = layout.restore(self.table(rows))
        return y


def category_sizes(data: Iterable[Any], key: str = "x") -> list[int]:
    """Return the number of categories of each column of a data set: the largest value plus one.

    Values that occur in none of the graphs are not known: read all splits together.

    Arguments:
        data: PyG ``Data`` objects, bags, or tensors ``(P, columns)`` or ``(P,)``.
        key: attribute to read, such as ``"x"`` or ``"edge_attr"``.

    Raises:
        ShapeError: there is none, they are no whole numbers from 0 on, or columns differ.

    Example:
        >>> category_sizes([torch.tensor([[5, 0], [2, 1]]), torch.tensor([[7, 0]])])
        [8, 2]
    """
    largest: Tensor | None = None
    for position, one in enumerate(data):
        values = one if isinstance(one, Tensor) else getattr(one, key, None)
        owner = f"category_sizes({key!r}) at position {position}"
        if not isinstance(values, Tensor) or values.dim() not in (1, 2):
            got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise ShapeError(
                f"{owner} got {got}, expected a tensor (rows, columns) or (rows,). Name the "
                "attribute: category_sizes(dataset, 'edge_attr')."
            )
        check_whole(values, owner)
        values = values[:, None] if values.dim() == 1 else values
        if largest is not None and len(largest) != values.shape[1]:
            raise ShapeError(
                f"{owner} got {values.shape[1]} columns, expected {len(largest)} as before. Give "
                "all graphs the same columns."
            )
        if values.numel() and int(values.min()) < 0:
            raise ShapeError(
                f"{owner} got the category {int(values.min())}, expected 0 or more. Count "
                "categories from 0."
            )
        if len(values):
            top = values.long().amax(0)
            largest = top if largest is None else torch.maximum(largest, top)
    if largest is None:
        raise ShapeError(
            f"category_sizes({key!r}) got no values, expected at least one graph that has some. "
            "Give a data set, a list of graphs, or tensors."
        )
    return [int(value) + 1 for value in largest]


def checked_sizes(owner: str, sizes: Any) -> tuple[int, ...]:
    """Return sizes as a tuple, or raise :class:`~eqsets.FeatureTypeError`."""
    listed = list(sizes) if isinstance(sizes, Sequence) and not isinstance(sizes, str) else None
    if not listed or any(
        isinstance(size, bool) or not isinstance(size, int) or size < 1 for size in listed
    ):
        raise FeatureTypeError(
            f"{owner} got sizes={sizes!r}, expected a list of whole numbers of at least 1: the "
            "number of categories of each column. Write [28], or category_sizes(dataset)."
        )
    return tuple(listed)


def check_whole(x: Tensor, owner: str) -> None:
    """Raise :class:`~eqsets.ShapeError` unless ``x`` holds integers."""
    if not is_whole(x):
        raise ShapeError(
            f"{owner} got {x.dtype}, expected whole numbers (torch.int64), the number of the "
            "category in each column. Use x.long(), or leave the embedding out for features."
        )
