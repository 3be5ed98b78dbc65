"""Random transformations of a batch of sets: a permutation of each set, and group elements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eqsets.errors import FeatureTypeError, choices
from eqsets.features import FeatureType
from eqsets.groups import Group

__all__ = ["SetTransformation", "evaluating"]


@dataclass(frozen=True)
class SetTransformation:
    """One element of the symmetry group of each set of a batch.

    Attributes:
        order: ``(B, N)``, element ``i`` of the transformed set is element ``order[i]``.
        g: ``(B, N, *element_shape)``; equal along ``N`` where the alignment is shared.
    """

    order: Tensor
    g: Tensor

    @classmethod
    def draw(
        cls, group: Group, batch: int, size: int, alignment: str, generator: torch.Generator
    ) -> SetTransformation:
        """Draw uniform permutations, and group elements as the alignment requires.

        Raises:
            FeatureTypeError: the alignment is unknown.
        """
        if alignment not in ("shared", "independent"):
            raise FeatureTypeError(
                f"got alignment={alignment!r}: {choices(alignment, ('shared', 'independent'))}"
            )
        order = torch.rand(batch, size, generator=generator).argsort(1)
        members = 1 if alignment == "shared" else size
        g = group.sample(batch, members, generator=generator)
        return cls(order, g.expand(batch, size, *group.element_shape))

    def same_for_all_sets(self) -> SetTransformation:
        """Return the transformation with the group element of the first set for every set."""
        return SetTransformation(self.order, self.g[:1, :1].expand_as(self.g))

    def permute(self, x: Tensor) -> Tensor:
        """Reorder ``x: (B, N, ...)``."""
        order = self.order.to(x.device)
        return x[torch.arange(len(x), device=x.device)[:, None], order]

    def act(self, feature_type: FeatureType, x: Tensor) -> Tensor:
        """Transform every element of ``x: (B, N, *element)``, in float64."""
        return feature_type.transform(self.g.to(x.device), x.double()).to(x.dtype)

    def act_on_sets(self, feature_type: FeatureType, x: Tensor) -> Tensor:
        """Transform one element for each set ``x: (B, *element)`` by the shared group element."""
        one = SetTransformation(self.order, self.g[:, :1])
        return one.act(feature_type, x[:, None])[:, 0]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into eval mode, and afterwards restore the mode of every part."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training
