"""Prototypes of images by inference: the part of a symmetry model that needs no density."""

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
from eqsets.generative.data.images import as_image_shape, as_images, check_shape
from eqsets.registry import transformation

__all__ = ["CanonicalModel"]


class CanonicalModel(nn.Module):
    """Infer which group element makes an image of its prototype.

    Arguments:
        family: a name as :func:`eqsets.transformation` takes it, or a family.
        image_shape: ``(C, H, W)``.
        backbone: of the inference.
        background: intensity that counts as nothing in the closed forms, in ``[-1, 1)``.
        passes: how often the learned correction is applied.

    Raises:
        OptionError: there is no such backbone, or background or passes are out of range.
        PluginError: there is no such family.
        ShapeError: ``image_shape`` is not ``(C, H, W)``.
    """

    def __init__(
        self,
        family: str | TransformationFamily,
        image_shape: tuple[int, int, int],
        *,
        backbone: str = "canonical",
        background: float = -1.0,
        passes: int = 1,
    ) -> None:
        super().__init__()
        if backbone not in BACKBONES:
            raise OptionError(f"there is no backbone {backbone!r}; {choices(backbone, BACKBONES)}")
        if not -1 <= background < 1 or passes < 1:
            raise OptionError(
                f"got background={background} and passes={passes}, expected a background in "
                "[-1, 1) and at least one pass. The darkest pixel is -1."
            )
        self.name = family if isinstance(family, str) else None
        self.family = transformation(family) if isinstance(family, str) else family
        self.image_shape = as_image_shape(image_shape)
        self.backbone, self.background, self.passes = backbone, background, passes
        self.inference = self.new_inference()
        self.chart = self.inference.chart

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components of ``eta``: the coordinates of :attr:`chart`."""
        return self.chart.names

    @torch.no_grad()
    def element(self, x: Any) -> Tensor:
        """Return group elements ``(B, *element_shape)`` that make images of their prototypes.

        Inference sees images as soft as those it learned from, which were warped.
        """
        images = self._images(x)
        soft = as_view(images) if self.family.interpolates else images
        g: Tensor = self.inference(soft).g
        return g

    def transformation(self, x: Any) -> Tensor:
        """Return ``eta: (B, k)`` by inference: how each image was made of its prototype."""
        return self.chart.coordinates(self.element(x)).to(self.dtype)

    @torch.no_grad()
    def prototype(
        self,
        x: Any,
        *,
        sample: bool = False,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return prototypes ``(B, C, H, W)``.

        Args:
            x: images ``(B, C, H, W)``.
            sample: infer from a random member of the orbit instead of from ``x`` itself: how much
                these differ says how invariant prototypes are.
            generator: source of randomness for ``sample``.
        """
        images, group = self._images(x), self.family.group
        if not sample:
            return self.family.act(group.inverse(self.element(images)), images)
        view = random_view(self.inference, images, generator=generator)
        return self.family.act(group.compose(group.inverse(view.g), view.r), images)

    @torch.no_grad()
    def confidence(self, x: Any) -> Tensor:
        """Return ``(B)`` in ``[0, 1]``: 0 where an image is blank, grey or symmetric itself."""
        confidence: Tensor = self.inference.frame(self._images(x)).confidence
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
        return orbit_variance(self.inference, self._images(images), **options)

    def new_inference(self) -> Inference:
        """Return an inference that has learned nothing yet, with weights from torch's generator."""
        return Inference(
            self.family,
            self.image_shape,
            self.backbone,
            background=self.background,
            passes=self.passes,
        )

    def _images(self, x: Any) -> Tensor:
        images = as_images(x).to(self._like)
        check_shape(images, self.image_shape)
        return images

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights, which images are cast to."""
        return self._like.dtype

    @property
    def _like(self) -> Tensor:
        """A tensor with the dtype and device of the model."""
        tensors = [*self.inference.parameters(), *self.inference.buffers()]
        return next((one for one in tensors if one.is_floating_point()), torch.zeros(0))
