r"""Poses that occur: prototypes by inference, and the density of their transformations.

.. math:: x = T_\eta(\hat x), \qquad \eta \sim p(\eta \mid \hat x)
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from eqsets.errors import OptionError
from eqsets.generative.canonicalization.canonical_model import CanonicalModel
from eqsets.generative.density.conditional import ConditionalDensity, TransformDistribution

__all__ = ["PoseModel"]

_BANK = 512  # prototypes that sample() draws from


class PoseModel(CanonicalModel):
    """A canonical model with a density of ``eta``; its arguments are those of that."""

    prototype_bank: Tensor

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.density: ConditionalDensity | None = None
        self.register_buffer("prototype_bank", torch.zeros(0, *self.shape))

    def transform_distribution(
        self, x: Any = None, *, prototype: Tensor | None = None
    ) -> TransformDistribution:
        """Return ``p(eta | prototype)`` of elements, or of prototypes that you have.

        Raises:
            OptionError: the model has not been fitted, or not one of both is given.
        """
        if (x is None) == (prototype is None):
            raise OptionError(
                "transform_distribution takes elements or prototype=, got both or none. Pass one."
            )
        if self.density is None:
            raise OptionError(
                "the model has no density yet, expected one that was fitted. Call fit(images), or "
                "load a model that was saved after a fit."
            )
        prototypes = self.prototype(x) if prototype is None else self._elements(prototype)
        return self.density(prototypes)  # type: ignore[no-any-return]

    @torch.no_grad()
    def log_prob(self, x: Any) -> Tensor:
        """Return ``log p(eta | prototype)`` for the pose of each element, in nats, ``(B)``.

        It says how usual the pose of an element is for its prototype. It is *no* density of
        elements: that would need one of prototypes, which the model does not have.
        """
        g = self.element(x)
        prototypes = self.family.act(self.family.group.inverse(g), self._elements(x))
        distribution = self.transform_distribution(prototype=prototypes)
        return distribution.log_prob(self.chart.coordinates(g))

    @torch.no_grad()
    def resample(self, x: Any, n: int = 1, *, generator: torch.Generator | None = None) -> Tensor:
        """Return ``(n, B, *element)``: the same elements in other poses that occur.

        ``act(element(eta) g^-1, x)`` with ``eta`` from ``p(eta | prototype)``: interpolated once.
        """
        elements, group = self._elements(x), self.family.group
        g = self.element(elements)
        prototypes = self.family.act(group.inverse(g), elements)
        eta = self.transform_distribution(prototype=prototypes).sample((n,), generator=generator)
        return self.family.act(group.compose(self.chart.element(eta), group.inverse(g)), elements)

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Return new elements ``(n, *element)``: prototypes of the training data in new poses.

        Prototypes are drawn from a bank of 512 at most: the model has no density of them.
        """
        if self.density is None or not len(self.prototype_bank):
            self.transform_distribution(prototype=self.prototype_bank)  # says what to do
        device = "cpu" if generator is None else generator.device
        drawn = torch.randint(len(self.prototype_bank), (n,), generator=generator, device=device)
        prototypes = self.prototype_bank[drawn.to(self.prototype_bank.device)]
        eta = self.transform_distribution(prototype=prototypes).sample(generator=generator)
        return self.family.act(self.chart.element(eta), prototypes)

    def store_prototypes(self, prototypes: Tensor) -> None:
        """Store the prototypes that :meth:`sample` draws from: the first 512."""
        self.prototype_bank = prototypes[:_BANK].detach().clone()

    @property
    def kept(self) -> Tensor:
        """The old name of ``prototype_bank``."""
        warnings.warn(
            "SymmetryModel.kept is deprecated: it is now prototype_bank.",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.prototype_bank

    def keep(self, prototypes: Tensor) -> None:
        """Do what :meth:`store_prototypes` does; the old name."""
        warnings.warn(
            "SymmetryModel.keep is deprecated: it is now store_prototypes.",
            DeprecationWarning,
            stacklevel=2,
        )
        self.store_prototypes(prototypes)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *arguments: Any
    ) -> None:
        """Take the size of the prototype bank from the state; its name was once ``kept``."""
        if f"{prefix}kept" in state_dict:
            state_dict[f"{prefix}prototype_bank"] = state_dict.pop(f"{prefix}kept")
        bank = state_dict.get(f"{prefix}prototype_bank")
        if bank is not None:
            self.prototype_bank = self.prototype_bank.new_zeros(bank.shape)
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    @property
    def _like(self) -> Tensor:
        return self.prototype_bank
