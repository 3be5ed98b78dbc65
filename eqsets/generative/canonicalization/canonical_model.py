"""Prototypes by inference: the part of a symmetry model that needs no density."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.errors import OptionError, choices
from eqsets.families import TransformationFamily
from eqsets.generative.canonicalization.inference import BACKBONES, Inference
from eqsets.generative.canonicalization.orbits import OrbitVariance, orbit_variance
from eqsets.generative.canonicalization.views import random_view
from eqsets.generative.data.artifacts import as_view
from eqsets.generative.data.images import check_shape
from eqsets.registry import transformation

__all__ = ["CanonicalModel", "renamed_shape"]


def renamed_shape(
    shape: tuple[int, ...] | None, image_shape: tuple[int, ...] | None
) -> tuple[int, ...] | None:
    """Return ``shape``, or the same under its old name ``image_shape``."""
    if image_shape is None:
        return shape
    warnings.warn(
        "the argument image_shape is deprecated: it is now shape.", DeprecationWarning, stacklevel=3
    )
    return image_shape


class CanonicalModel(nn.Module):
    """Infer which group element makes an element of its prototype.

    Arguments:
        family: a name as :func:`eqsets.transformation` takes it, or a family.
        shape: of one element of the domain of the family: ``(C, H, W)`` of images.
        backbone: of the inference.
        background: value that counts as nothing in the canonical frame; default: that of the
            domain, -1 of images.
        passes: how often the learned correction is applied.
        image_shape: the old name of ``shape``.

    Raises:
        OptionError: there is no such backbone, or background or passes are out of range.
        PluginError: there is no such family.
        ShapeError: this is no shape of elements of the domain.
    """

    def __init__(
        self,
        family: str | TransformationFamily,
        shape: tuple[int, ...] | None = None,
        *,
        backbone: str = "canonical",
        background: float | None = None,
        passes: int = 1,
        image_shape: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        if backbone not in BACKBONES:
            raise OptionError(f"there is no backbone {backbone!r}; {choices(backbone, BACKBONES)}")
        if passes < 1:
            raise OptionError(f"got passes={passes}, expected 1 at least. The default is 1.")
        self.name = family if isinstance(family, str) else None
        self.family = transformation(family) if isinstance(family, str) else family
        domain = self.family.domain
        self.shape = domain.as_shape(renamed_shape(shape, image_shape))
        self.background = domain.background if background is None else background
        domain.check_background(self.background)
        self.backbone, self.passes = backbone, passes
        self.inference = self.new_inference()
        self.chart = self.inference.chart

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The old name of ``shape``."""
        warnings.warn(
            "SymmetryModel.image_shape is deprecated: it is now shape.",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.shape

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components of ``eta``: the coordinates of :attr:`chart`."""
        return self.chart.names

    @torch.no_grad()
    def element(self, x: Any) -> Tensor:
        """Return group elements ``(B, *element_shape)`` that make elements of their prototypes.

        Inference sees elements as soft as those it learned from, which were interpolated.
        """
        elements = self._elements(x)
        soft = as_view(elements, self.family.domain) if self.family.interpolates else elements
        g: Tensor = self.inference(soft).g
        return g

    def transformation(self, x: Any) -> Tensor:
        """Return ``eta: (B, k)``, the inferred transformation of each element."""
        return self.chart.coordinates(self.element(x)).to(self.dtype)

    @torch.no_grad()
    def prototype(
        self,
        x: Any,
        *,
        sample: bool = False,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return prototypes ``(B, *element)``.

        Args:
            x: elements ``(B, *element)``: images ``(B, C, H, W)``.
            sample: infer from a random member of the orbit instead of from ``x`` itself: how much
                these differ says how invariant prototypes are.
            generator: source of randomness for ``sample``.
        """
        elements, group = self._elements(x), self.family.group
        if not sample:
            return self.family.act(group.inverse(self.element(elements)), elements)
        view = random_view(self.inference, elements, generator=generator)
        return self.family.act(group.compose(group.inverse(view.g), view.r), elements)

    @torch.no_grad()
    def confidence(self, x: Any) -> Tensor:
        """Return ``(B)`` in ``[0, 1]``: 0 where an element is empty or symmetric, or grey."""
        confidence: Tensor = self.inference.frame(self._elements(x)).confidence
        return confidence

    def clarity(self, x: Any) -> Tensor:
        """Do what :meth:`confidence` does; the old name."""
        warnings.warn(
            "SymmetryModel.clarity is deprecated: it is now confidence.",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.confidence(x)

    def orbit_variance(self, images: Any, **options: Any) -> OrbitVariance:
        """Measure how invariant prototypes are, see :func:`eqsets.generative.orbit_variance`."""
        return orbit_variance(self.inference, self._elements(images), **options)

    def new_inference(self) -> Inference:
        """Return an inference that has learned nothing yet, with weights from torch's generator."""
        return Inference(
            self.family,
            self.shape,
            self.backbone,
            background=self.background,
            passes=self.passes,
        )

    def _elements(self, x: Any) -> Tensor:
        domain = self.family.domain
        elements = domain.as_batch(x).to(self._like)
        check_shape(elements, self.shape, domain.noun)
        return elements

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights, which elements are cast to."""
        return self._like.dtype

    @property
    def _like(self) -> Tensor:
        """A tensor with the dtype and device of the model."""
        tensors = [*self.inference.parameters(), *self.inference.buffers()]
        return next((one for one in tensors if one.is_floating_point()), torch.zeros(0))
