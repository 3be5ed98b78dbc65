"""The kinds of elements by name, and which of them an array holds: asked, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor

from eqsets.errors import OptionError, ShapeError, choices
from eqsets.families.domains.clouds import Clouds
from eqsets.families.domains.domain import Domain
from eqsets.families.domains.images import Images
from eqsets.families.domains.signals import Signals
from eqsets.families.domains.vectors import Vectors
from eqsets.families.domains.volumes import Volumes

__all__ = ["KINDS", "kind_named", "kind_of"]

KINDS: Mapping[str, Domain] = MappingProxyType(
    {one.noun: one for one in (Images(), Signals(), Clouds(), Volumes(), Vectors())}
)
"""The kinds that ``kind=`` names."""

_GRAPHS = ("graph", "graphs", "molecules", "networks")


def kind_named(kind: str | Domain) -> Domain:
    """Return the domain of a kind, or pass a domain through.

    Raises:
        OptionError: there is no such kind; or these are graphs, and why they are none.

    Example:
        >>> kind_named("clouds")
        Clouds(dims=None)
    """
    if isinstance(kind, Domain):
        return kind
    if kind in _GRAPHS:
        raise no_graphs(f"kind={kind!r}")
    if kind not in KINDS:
        raise OptionError(f"there are no {kind!r} as a kind of element; {choices(kind, KINDS)}")
    return KINDS[kind]


def no_graphs(given: str) -> OptionError:
    """Return the error for graphs."""
    return OptionError(
        f"got {given}: graphs, whose symmetry is not to be discovered. The nodes of a graph have "
        "no order, so all permutations of them are a symmetry by definition, and there is no other "
        f"group that acts on all graphs; expected {', '.join(KINDS)}. Use "
        'eqsets.element_group("permutations"). If nodes have positions, such as atoms, pass them '
        'as kind="clouds" (--kind clouds).'
    )


def kind_of(x: Tensor) -> Domain:
    """Return the kind of elements that an array holds, if there is no doubt.

    Only images are taken without a name: arrays that are nothing else by their shape.

    Raises:
        ShapeError: the array may be of several kinds, or of one that must be named. The message
            has all of them, and what to write.

    Example:
        >>> import torch
        >>> from eqsets import ShapeError
        >>> kind_of(torch.zeros(300, 28, 28))
        Images(channels=None)
        >>> try:
        ...     kind_of(torch.zeros(300, 64, 2))
        ... except ShapeError as error:
        ...     "--kind clouds: 300 point clouds of 64 points" in str(error)
        True
    """
    shape, images = tuple(x.shape), Images()
    readings = {name: one.reading(shape) for name, one in KINDS.items()}
    possible = {name: words for name, words in readings.items() if words}
    if not possible or images.certain(x):
        return images
    listed = "; ".join(f"--kind {name}: {words}" for name, words in possible.items())
    first = next(iter(name for name in possible if name != images.noun), images.noun)
    raise ShapeError(
        f"got an array of shape {shape}, which may be {len(possible)} kinds of elements "
        f"({listed}), "
        f'expected the kind to be named. Write discover(x, kind="{first}"), on the command line '
        f"--kind {first}, or another one of these."
    )
