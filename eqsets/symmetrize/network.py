r"""Any network, made equivariant or invariant from outside: :func:`symmetrize`.

Requirements that shaped this module:

- the network is called as it is, on inputs that group elements have moved: nothing in it changes;
- one way to combine for averages, frames and learned poses: group elements and weights;
- what is not exact says how far off it is: ``forward(x, return_error=True)``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from eqsets.errors import FeatureTypeError, OptionError, ShapeError, choices
from eqsets.features import FeatureType, InvariantFeatures
from eqsets.groups import OrthogonalGroup, SymmetricGroup
from eqsets.registry import element_group as resolve
from eqsets.symmetrize.average import average_of
from eqsets.symmetrize.frames import FiniteFrame, PrincipalFrame, SortingFrame
from eqsets.symmetrize.learned import (
    LearnedFinitePose,
    LearnedRotation,
    PooledScores,
    WeightedVectors,
)
from eqsets.symmetrize.poses import LearnedPoses, Poses
from eqsets.symmetry import ElementSymmetry

__all__ = ["Symmetrized", "symmetrize"]

_WAYS = ("average", "canonical", "frames")
_PIECE = 8192  # numbers of the input in one call on a CPU


class Symmetrized(nn.Module):
    """A network around which the group acts; :func:`symmetrize` makes it.

    Attributes:
        model: the network, as it was given.
        poses: chooses the group elements.
        in_type: type of an element of the input; where none was given, that of one channel.
        out_type: type of the output; ``None`` for an invariant one.
    """

    alignment = "shared"

    def __init__(
        self,
        model: nn.Module,
        symmetry: ElementSymmetry,
        poses: Poses,
        in_type: FeatureType,
        out_type: FeatureType | None,
        *,
        any_channels: bool = False,
        asserted: bool = True,
    ) -> None:
        super().__init__()
        self.model, self.symmetry, self.poses = model, symmetry, poses
        self.in_type, self.out_type = in_type, out_type
        self.any_channels, self.asserted = any_channels, asserted

    def forward(self, x: Tensor, *, return_error: bool = False) -> Any:
        """Map elements ``(B, *element)``, or sets ``(B, N, *element)`` that are moved together.

        Arguments:
            x: what the network takes.
            return_error: also return the estimated error of the average at each component of the
                output: the standard error of the mean over random group elements, half of the
                difference between the halves of a grid, zero where the result is exact.

        Raises:
            ShapeError: the input or the output of the network has another shape than its type.
        """
        in_type, sets, is_set = self._read(x)
        g, weights = self.poses(in_type, sets)
        moved = in_type.transform(self.symmetry.group.inverse(g)[:, :, None], sets[None])
        if self.poses.one_input:
            moved = _weighted(weights, moved)[None]
        rows = moved.flatten(0, 1)
        y = self._evaluated(rows if is_set else rows[:, 0], len(sets))
        values = self._moved_back(in_type, g, y.unflatten(0, moved.shape[:2]), sets)
        result = _weighted(weights, values)
        return (result, self.poses.error(values)) if return_error else result

    def _evaluated(self, rows: Tensor, batch: int) -> Tensor:
        """Return what the model makes of ``batch`` inputs for each group element.

        In one call, but on a CPU in evaluation mode in several of about ``_PIECE`` numbers: caches
        hold these, and one large batch takes up to 1.6 times as long as its parts. A model in
        training mode may have norms of the batch, which all group elements are in.
        """
        pieces: tuple[Tensor, ...] = (rows,)
        whole = self.training or rows.device.type != "cpu" or torch.compiler.is_compiling()
        if not whole and rows.numel() > _PIECE:
            elements = max(1, round(_PIECE * len(rows) / (batch * rows.numel())))
            pieces = rows.split(batch * elements)
        return torch.cat([self._checked(self.model(piece), piece) for piece in pieces])

    def _checked(self, y: Any, rows: Tensor) -> Tensor:
        if not isinstance(y, Tensor) or y.dim() < 1 or len(y) != len(rows):
            got = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
            raise ShapeError(
                f"the model returned {got} for {len(rows)} inputs, expected one tensor with a row "
                "for each. Wrap the model so that it returns that."
            )
        return y

    def prior_loss(self, x: Tensor) -> Tensor:
        """Return how far learned poses of ``x`` are from the identity, to be added to the loss.

        With it the network sees training data as they are: upright data stay upright.

        Raises:
            OptionError: no poses are learned.
        """
        in_type, sets, _ = self._read(x)
        if not isinstance(self.poses, LearnedPoses):
            raise OptionError(
                f"{type(self.poses).__name__} learns nothing, so it has no prior, expected learned "
                "poses. Use how='canonical'."
            )
        return self.poses.prior_loss(in_type, sets)

    def _read(self, x: Tensor) -> tuple[FeatureType, Tensor, bool]:
        """Return the type of the input, the input as sets, and whether it was given as sets."""
        in_type, axis = self.in_type, self.in_type.channel_axis if self.any_channels else None
        if axis is not None and isinstance(x, Tensor) and x.dim() > len(in_type.layout):
            in_type = in_type.with_channels(x.shape[axis])
        is_set = isinstance(x, Tensor) and x.dim() == len(in_type.layout) + 2
        in_type.check(x, ("B", "N") if is_set else ("B",), "Symmetrized")
        return in_type, x if is_set else x[:, None], is_set

    def _moved_back(self, in_type: FeatureType, g: Tensor, y: Tensor, sets: Tensor) -> Tensor:
        """Return outputs ``(K, B, ...)`` as if the inputs had not been moved."""
        out = self.out_type
        if out is None:
            if not self.asserted and _same_axes(in_type, sets, y):
                raise FeatureTypeError(
                    f"the model returned {tuple(y.shape[1:])}, which the group may move as it "
                    "moves the input, and out_features was not given. Expected out_features=, the "
                    "type of the output, or out_features='invariant'."
                )
            return y
        lead = y.dim() - len(out.layout)
        if lead not in (2, 3):
            raise ShapeError(
                f"the model returned {tuple(y.shape[1:])}, expected {out.describe(('B',))} or "
                f"{out.describe(('B', 'N'))} of out_features. Declare the type that it returns."
            )
        return out.transform(g if lead == 2 else g[:, :, None], y)

    def extra_repr(self) -> str:
        out = "invariant" if self.out_type is None else str(self.out_type)
        return f"{self.symmetry!r}, {self.in_type} -> {out}"


def symmetrize(
    model: nn.Module,
    element_group: str | ElementSymmetry,
    *,
    how: str = "average",
    samples: int | None = None,
    in_features: Any = None,
    out_features: Any = None,
    pose: nn.Module | None = None,
) -> Symmetrized:
    r"""Return a network that is invariant or equivariant, around one that need not be.

    .. math:: \hat f(x) = \sum_k w_k(x)\; \rho'(g_k(x))\, f\big(\rho(g_k(x))^{-1} x\big)

    For networks that cannot be changed. :func:`eqsets.set_aware` and :class:`eqsets.DSS` change
    or replace the layers, and cost one evaluation.

    Arguments:
        model: takes elements ``(E, *element)``, or sets ``(B, N, *element)`` that the group moves
            together, and returns one tensor with a row for each.
        element_group: name or symmetry.
        how: ``"average"`` over all of a finite group (exact), over equally spaced
            rotations of the plane, or over ``samples`` random group elements;
            ``"frames"``: over a few group elements that follow from the input, exactly equivariant;
            ``"canonical"``: one group element, by a small learned network. Train it, with
            :meth:`Symmetrized.prior_loss` if the model was trained on upright data.
        samples: number of group elements for ``"average"``; all of a finite group by default, 16
            rotations of the plane, 64 random elements of other groups.
        in_features: type of an element of the input, as for :class:`~eqsets.DSS`; by default the
            type that the symmetry gives to as many channels as the input has.
        out_features: type of the output, which the group moves, or ``"invariant"``. By default
            the output is invariant, and one that has the axes of an element is refused.
        pose: network for ``"canonical"``: scores ``(E, *element) -> (E, 1)`` for a finite group,
            vectors ``(E, *element) -> (E, r, d)`` for rotations; a small one by default.

    Raises:
        FeatureTypeError: a type is not understood, or no frame or pose is known for it.
        GroupError: the group has no average, or is too large for one without ``samples``.
        OptionError: ``how``, ``samples`` or ``pose`` is not understood.

    Source: averages over groups; frames: Puny et al., ICLR 2022, equation 3; learned canonical
    poses: Kaba et al., ICML 2023; the prior: Mondal et al., NeurIPS 2023.

    Example:
        >>> from eqsets import element_group
        >>> turns = element_group("grid-rotations", height=8, width=8)
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2))
        >>> invariant = symmetrize(network, turns, in_features=3)
        >>> x = torch.randn(5, 3, 8, 8)
        >>> torch.allclose(invariant(x.rot90(1, (2, 3))), invariant(x), atol=1e-5)
        True
    """
    if not isinstance(model, nn.Module):
        raise OptionError(
            f"symmetrize got a model of {type(model).__name__}, expected a torch.nn.Module. Wrap a "
            "function in one."
        )
    if how not in _WAYS:
        raise OptionError(f"symmetrize got how={how!r}: {choices(how, _WAYS)}")
    for name, value, way in (("samples", samples, "average"), ("pose", pose, "canonical")):
        if value is not None and how != way:
            raise OptionError(
                f"symmetrize got {name}={value!r} with how={how!r}, which does not use it. Leave "
                f"it out, or choose how={way!r}."
            )
    symmetry = resolve(element_group)
    in_type = _input_type(symmetry, in_features, known=how != "canonical" or pose is not None)
    unmoved = out_features is None or out_features == "invariant"
    out_type = None if unmoved else symmetry.feature_type(out_features)
    if how == "average":
        poses = average_of(symmetry.group, samples, any_size=_any_points(symmetry, in_type))
    elif how == "frames":
        poses = _frames(symmetry, in_type)
    else:
        poses = _canonical(symmetry, in_type, pose)
    return Symmetrized(
        model,
        symmetry,
        poses,
        in_type,
        None if isinstance(out_type, InvariantFeatures) else out_type,
        any_channels=in_features is None,
        asserted=out_features is not None,
    ).train(model.training)


def _input_type(symmetry: ElementSymmetry, given: Any, *, known: bool) -> FeatureType:
    in_type = symmetry.feature_type(1 if given is None else given)
    moves = isinstance(in_type, InvariantFeatures) or _moves_nothing(symmetry, in_type)
    if given is None and (moves or in_type.channel_axis is None or not known):
        raise FeatureTypeError(
            f"symmetrize got no in_features for {symmetry!r}, expected the type of an element of "
            "the input, such as in_features=3 or a type as for DSS: it says how the group moves "
            "it, and how large a network of poses has to be."
        )
    if moves:
        raise FeatureTypeError(
            f"symmetrize got in_features={given!r}, which no group element moves: every model is "
            "invariant already. Declare the type that the input really has."
        )
    return in_type


def _moves_nothing(symmetry: ElementSymmetry, in_type: FeatureType) -> bool:
    generator = torch.Generator().manual_seed(0)
    x = in_type.sample(1, generator=generator, dtype=torch.float64)
    g = symmetry.group.sample(8, generator=generator)
    return bool(torch.allclose(in_type.transform(g, x), x.expand(8, *x.shape[1:])))


def _frames(symmetry: ElementSymmetry, in_type: FeatureType) -> Poses:
    group = symmetry.group
    if isinstance(group, SymmetricGroup):
        if in_type.channel_axis == -1 and len(in_type.layout) == 2:
            return SortingFrame()
        raise FeatureTypeError(
            f"no frame is known for {in_type!r}, expected features of points, (P, C). Use "
            "how='average' with samples=."
        )
    if isinstance(group, OrthogonalGroup):
        vectors = symmetry.vectors(in_type)
        return PrincipalFrame(vectors, group.dimension, special=group.special)
    if group.order is None:
        raise FeatureTypeError(
            f"no frame is known for {group!r}, expected a finite group, permutations, or rotations "
            "of d dimensions. Use how='average' where the group is compact."
        )
    return FiniteFrame(group)


def _canonical(symmetry: ElementSymmetry, in_type: FeatureType, pose: nn.Module | None) -> Poses:
    group = symmetry.group
    if isinstance(group, OrthogonalGroup):
        count = group.dimension - group.special
        vectors = pose or WeightedVectors(symmetry.vectors(in_type), count)
        return LearnedRotation(vectors, group.dimension, special=group.special)
    if group.order is None or isinstance(group, SymmetricGroup):
        raise FeatureTypeError(
            f"no learned pose is known for {group!r}, expected a group of few elements, or "
            "rotations of d dimensions. Use how='frames' for permutations."
        )
    return LearnedFinitePose(group, pose or PooledScores(in_type))


def _any_points(symmetry: ElementSymmetry, in_type: FeatureType) -> bool:
    """Return whether the group permutes as many points as an element has, any number."""
    return isinstance(symmetry.group, SymmetricGroup) and isinstance(in_type.layout[0], str)


def _same_axes(in_type: FeatureType, sets: Tensor, y: Tensor) -> bool:
    """Return whether outputs ``(K, B, ...)`` have the axes of elements of the input."""
    size = len(in_type.layout)
    moved = [axis for axis in range(-size, 0) if axis != in_type.channel_axis]
    return y.dim() in (size + 2, size + 3) and all(y.shape[a] == sets.shape[a] for a in moved)


def _weighted(weights: Tensor, values: Tensor) -> Tensor:
    return (weights.reshape(*weights.shape, *[1] * (values.dim() - 2)) * values).sum(0)
