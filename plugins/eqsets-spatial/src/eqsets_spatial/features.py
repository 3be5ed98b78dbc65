"""Feature types of space: irreps of O(3) or SO(3), on one vector or on each point of a cloud."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from e3nn import o3
from torch import Tensor

from eqsets import (
    ElementSymmetry,
    FeatureType,
    FeatureTypeError,
    InvariantFeatures,
    ShapeError,
    element_group,
)
from eqsets.constants import on_cpu
from eqsets.groups import OrthogonalGroup
from eqsets_spatial.harmonics import reflection_sign, wigner_matrices

__all__ = [
    "Block",
    "IrrepsFeatures",
    "blocks_of",
    "membership",
    "merged_blocks",
    "parse_blocks",
    "written_blocks_of",
]

_SAMPLED_POINTS = 5


@dataclass(frozen=True, order=True)
class Block:
    """Copies of one irrep that lie side by side: ``count`` times degree ``l`` of parity ``p``."""

    count: int
    degree: int
    parity: int

    @property
    def size(self) -> int:
        """Number of components of one copy, ``2 l + 1``."""
        return 2 * self.degree + 1

    @property
    def width(self) -> int:
        """Number of components of all copies."""
        return self.count * self.size

    @property
    def scalar(self) -> bool:
        """Whether it is invariant (``0e``)."""
        return self.degree == 0 and self.parity == 1

    @property
    def irrep(self) -> tuple[int, int]:
        """Degree and parity: what two blocks must share for a linear map between them."""
        return self.degree, self.parity

    def __str__(self) -> str:
        return f"{self.count}x{self.degree}{'e' if self.parity == 1 else 'o'}"


@dataclass(frozen=True, repr=False)
class IrrepsFeatures(FeatureType):
    r"""Features that rotate by irreps: :math:`x \mapsto \bigoplus_b p_b(g) \, D^{l_b}(g) \, x_b`.

    Arguments:
        blocks: copies of irreps, in the order in which they lie in memory (as in e3nn).
        group: O(3), or SO(3), where parities have no meaning and are all even.
        points: whether each point of a cloud has such features, ``(P, dim)``, or the element
            as a whole, ``(dim,)``.
        written: the irreps before neighbours of one irrep were merged, as in ``4x0e+2x0e``, where
            they differ: linear layers order their weights by them, as e3nn does. They do not count
            for equality.

    Example:
        >>> vectors = IrrepsFeatures((Block(2, 1, -1),), OrthogonalGroup(3))
        >>> vectors.transform(-torch.eye(3), torch.arange(1.0, 7.0))
        tensor([-1., -2., -3., -4., -5., -6.])
    """

    blocks: tuple[Block, ...]
    group: OrthogonalGroup = field()  # field(): the base class has a default
    points: bool = False
    written: tuple[Block, ...] | None = field(default=None, compare=False)

    @property
    def dim(self) -> int:
        """Number of components of an element, or of each of its points."""
        return sum(block.width for block in self.blocks)

    @property
    def copies(self) -> int:
        """Number of irreps, copies counted."""
        return sum(block.count for block in self.blocks)

    @property
    def scalars(self) -> int:
        """Number of invariant components."""
        return sum(block.count for block in self.blocks if block.scalar)

    @property
    def irreps(self) -> o3.Irreps:
        """The type as e3nn's own object."""
        return o3.Irreps([(block.count, block.irrep) for block in self.blocks])

    @property
    def layout(self) -> tuple[int | str, ...]:
        return ("P", self.dim) if self.points else (self.dim,)

    @property
    def has_parts(self) -> bool:  # type: ignore[override]
        return self.points

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        return all(block.scalar for block in self.blocks)

    @property
    def channel_axis(self) -> int | None:  # type: ignore[override]
        return -1 if self.pointwise else None

    def with_channels(self, channels: int) -> FeatureType:
        if not self.pointwise:
            return super().with_channels(channels)
        return replace(self, blocks=(Block(channels, 0, 1),), written=None)

    def split(self, x: Tensor) -> list[Tensor]:
        """Return the blocks of ``(*batch, dim)``, each ``(*batch, count, 2 l + 1)``.

        Raises:
            ShapeError: ``x`` has another number of components.
        """
        if x.shape[-1:] != (self.dim,):
            raise ShapeError(
                f"irreps {self} got features of shape {tuple(x.shape)}, expected "
                f"(..., {self.dim}). Declare the type of x, or reshape it."
            )
        parts = x.split([block.width for block in self.blocks], -1)
        return [
            part.reshape(*part.shape[:-1], block.count, block.size)
            for part, block in zip(parts, self.blocks, strict=True)
        ]

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        self.group.check(g)
        matrices = wigner_matrices(g, max(block.degree for block in self.blocks))
        sign = reflection_sign(g)[..., None, None]
        moved = []
        for block, part in zip(self.blocks, self.split(x), strict=True):
            matrix = matrices[block.degree] * (sign if block.parity == -1 else 1)
            matrix = (matrix.unsqueeze(-3) if self.points else matrix).to(x)
            moved.append((part @ matrix.mT).flatten(-2))
        return torch.cat(moved, -1)

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        points = (_SAMPLED_POINTS,) if self.points else ()
        return torch.randn(*batch, *points, self.dim, generator=generator, dtype=dtype)

    @property
    def owner(self) -> ElementSymmetry:
        return element_group("spatial", reflections=not self.group.special)

    def __str__(self) -> str:
        return ("points: " if self.points else "") + "+".join(map(str, self.written or self.blocks))

    def __repr__(self) -> str:
        return f"{self.owner!r}.feature_type('{self}')"


def blocks_of(feature_type: FeatureType) -> tuple[Block, ...]:
    """Return the irreps of a type that ``Spatial.feature_type`` accepts: invariants are scalars."""
    if isinstance(feature_type, InvariantFeatures):
        return (Block(feature_type.count, 0, 1),)
    if isinstance(feature_type, IrrepsFeatures):
        return feature_type.blocks
    raise FeatureTypeError(
        f"got the feature type {feature_type!r}, expected one of the spatial symmetry. Make it "
        "with symmetry.feature_type('8x0e + 4x1o')."
    )


def written_blocks_of(feature_type: FeatureType) -> tuple[Block, ...]:
    """Return the irreps of a type as they were written, before neighbours were merged."""
    written = feature_type.written if isinstance(feature_type, IrrepsFeatures) else None
    return written or blocks_of(feature_type)


def membership(blocks: tuple[Block, ...], kind: str) -> Tensor:
    """Return which component belongs to which copy, block or scalar: 0 and 1, ``(dim, k)``.

    Products with it sum over the components of a copy, and repeat a value for each of them.
    (Slicing, summing and joining the blocks would say the same; but compiled by inductor of torch
    2.13 on the CPU, the gradient of that is wrong where a block is constantly zero.)

    Arguments:
        blocks: what the components are.
        kind: ``"copies"``, ``"blocks"``, ``"scalars"`` (copies of ``0e``) or ``"others"`` (copies
            of anything else).
    """
    copy = [block for block in blocks for _ in range(block.count)]
    size = [block.width for block in blocks] if kind == "blocks" else [b.size for b in copy]
    with on_cpu():
        rows = torch.arange(len(size)).repeat_interleave(torch.tensor(size))
        full = torch.nn.functional.one_hot(rows, len(size)).double()
    if kind in ("copies", "blocks"):
        return full
    return full[:, [block.scalar == (kind == "scalars") for block in copy]]


def parse_blocks(spec: object, reflections: bool) -> tuple[Block, ...]:
    """Return the irreps that ``8``, ``"8"``, ``"8x0e + 4x1o"`` or an e3nn object names.

    Copies of none are dropped; :func:`merged_blocks` merges neighbours of one irrep.

    Raises:
        FeatureTypeError: it names no irreps, or none at all.
    """
    text = spec.strip() if isinstance(spec, str) else spec
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10:
        text = int(text)
    if isinstance(text, int) and not isinstance(text, bool):
        text = f"{text}x0e"
    if not isinstance(text, str | o3.Irrep | o3.Irreps):
        raise _not_understood(spec, reflections)
    try:
        irreps = o3.Irreps(text if not isinstance(text, str) else _with_parity(text, reflections))
    except ValueError as error:
        raise _not_understood(spec, reflections) from error
    blocks = tuple(
        Block(count, degree, parity if reflections else 1)
        for count, (degree, parity) in irreps
        if count
    )
    if not blocks:
        raise _not_understood(spec, reflections)
    return blocks


def merged_blocks(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """Return the blocks with neighbours of one irrep as one: the memory is the same."""
    merged: list[Block] = []
    for block in blocks:
        if merged and merged[-1].irrep == block.irrep:
            merged[-1] = replace(block, count=merged[-1].count + block.count)
        else:
            merged.append(block)
    return tuple(merged)


def _with_parity(text: str, reflections: bool) -> str:
    """Let SO(3) be written without parity: ``4x1`` is ``4x1e``."""
    if reflections:
        return text
    terms = [term.strip() for term in text.split("+")]
    return "+".join(term + "e" if "x" in term and term[-1:].isdigit() else term for term in terms)


def _not_understood(spec: object, reflections: bool) -> FeatureTypeError:
    parity = (
        "e for even or o for odd under inversion"
        if reflections
        else "e; rotations alone do not tell e from o"
    )
    return FeatureTypeError(
        f"got the feature type {spec!r}, expected a number of scalars of at least 1, or irreps as "
        f"'copies x degree parity' joined by +, the parity {parity}. Write for example 8, "
        "'8x0e + 4x1o', or 'points: 8x0e + 4x1o' for features on the points of a cloud."
    )
