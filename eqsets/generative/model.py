r"""The symmetry-aware generative model: prototypes, and which transformations of them occur.

.. math:: x = T_\eta(\hat x), \qquad \eta \sim p(\eta \mid \hat x)

One prototype for each orbit; stage 1 learns to find it, stage 2 learns the density. What it does
not learn is a density of prototypes: that is for a model on top of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from eqsets.errors import OptionError, choices
from eqsets.families import TransformationFamily
from eqsets.generative.analysis.orbits import OrbitVariance, orbit_variance
from eqsets.generative.canonicalization.chart import factors_of, is_affine
from eqsets.generative.canonicalization.inference import BACKBONES, Inference
from eqsets.generative.data.artifacts import as_view
from eqsets.generative.data.images import as_image_shape, as_images, check_shape
from eqsets.generative.density.conditional import ConditionalDensity, TransformDistribution
from eqsets.generative.training.checkpoint import load_model, save_model
from eqsets.generative.training.fitting import fit_model
from eqsets.generative.training.losses import LossWeights
from eqsets.generative.training.objective import Fit
from eqsets.generative.training.presets import Preset, preset_of
from eqsets.registry import transformation

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

__all__ = ["SymmetryModel"]

_KEPT = 512  # prototypes that sample() draws from


class SymmetryModel(nn.Module):
    r"""Learn to what extent each transformation of a family is a symmetry of images.

    References:
        Allingham et al., *A Generative Model of Symmetry Transformations*, NeurIPS 2024. What is
        different here, and why, is on the page "Discover symmetries".

    Arguments:
        family: a name as :func:`eqsets.transformation` takes it (``"affine-no-shear+hsv"``), or a
            family.
        image_shape: ``(C, H, W)``.
        backbone: of the inference: ``"canonical"`` (closed-form frame, learned direction, learned
            correction), ``"analytic"`` (the frame alone), ``"cnn"`` or ``"mlp"`` (as published).
        background: intensity that counts as nothing in the closed forms, in ``[-1, 1)``.
        passes: how often the learned correction is applied, each time to what the last one left.
        dropout: of the density network while it is fitted.

    Raises:
        OptionError: there is no such backbone, or background or passes are out of range.
        PluginError: there is no such family.
        ShapeError: ``image_shape`` is not ``(C, H, W)``.

    Example:
        >>> model = SymmetryModel("rotation", (1, 16, 16), backbone="analytic")
        >>> x = torch.full((1, 1, 16, 16), -1.0)
        >>> x[..., 3:6, 8:14] = 1.0
        >>> turned = x.rot90(1, (-2, -1))
        >>> (model.prototype(x) - model.prototype(turned)).abs().max() < 1e-4
        tensor(True)
    """

    kept: Tensor

    def __init__(
        self,
        family: str | TransformationFamily,
        image_shape: tuple[int, int, int],
        *,
        backbone: str = "canonical",
        background: float = -1.0,
        passes: int = 1,
        dropout: float = 0.1,
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
        self.dropout = dropout
        self.inference = self.new_inference()
        self.chart = self.inference.chart
        self.density: ConditionalDensity | None = None
        self.register_buffer("kept", torch.zeros(0, *self.image_shape))
        self.history = Fit([], [])
        self.eval()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components of ``eta``: the coordinates of :attr:`chart`."""
        return self.chart.names

    def fit(
        self,
        images: Any,
        *,
        validation: Any = None,
        preset: str | Preset = "default",
        seed: int = 0,
        bounds: Tensor | None = None,
        weights: LossWeights | None = None,
        folder: str | Path | None = None,
        resume: bool = True,
        quiet: bool = False,
        loggers: Sequence[Logger] = (),
        **trainer_options: Any,
    ) -> Fit:
        """Fit both stages.

        Args:
            images: see :func:`eqsets.generative.as_images`.
            validation: images to measure with; default: a tenth of ``images``, held out.
            preset: ``"quick"``, ``"default"``, ``"paper"`` or a :class:`Preset`.
            seed: of all random numbers: on a CPU, the same seed gives the same model.
            bounds: ``(k, 2)``, of random transformations; default: those of the family. They must
                be wider than the symmetry that is looked for.
            weights: of the terms of the first loss.
            folder: for checkpoints and curves. A fit that was killed goes on from there.
            resume: whether to do that.
            quiet: show no progress.
            loggers: of Lightning: ``TensorBoardLogger`` ...
            trainer_options: further arguments of ``lightning.Trainer``: ``accelerator``,
                ``devices``, ``strategy``, ``num_nodes`` ... A GPU of CUDA is taken if there is one.
                Leave ``precision`` at 32 bits: products of group elements need their digits.

        Returns:
            The curves, which are also in :attr:`history`.

        Raises:
            ShapeError: the images are not what the model takes.
            OptionError: a dependency is missing; an argument is none of ``Trainer``; the folder
                holds another fit; all images are grey and the family is of colours; the loss was
                never finite.
        """
        self.history = fit_model(
            self,
            images,
            validation,
            preset=preset_of(preset),
            seed=seed,
            bounds=self.family.bounds if bounds is None else bounds,
            weights=weights or LossWeights(),
            folder=None if folder is None else Path(folder),
            resume=resume,
            quiet=quiet,
            loggers=list(loggers),
            trainer_options=trainer_options,
        )
        return self.history

    @torch.no_grad()
    def element(self, x: Any) -> Tensor:
        """Return group elements ``(B, *element_shape)`` that make images of their prototypes.

        Inference sees images as soft as those it learned from, which were warped.
        """
        images = self._images(x)
        moves = any(is_affine(factor) for factor in factors_of(self.family))
        g: Tensor = self.inference(as_view(images) if moves else images).g
        return g

    def transformation(self, x: Any) -> Tensor:
        """Return ``eta: (B, k)`` by inference: how each image was made of its prototype."""
        return self.chart.coordinates(self.element(x)).to(self.kept.dtype)

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
        checked, group = self._images(x), self.family.group
        if not sample:
            return self.family.act(group.inverse(self.element(checked)), checked)
        eta = self.family.sample(len(checked), generator=generator).to(checked)
        r = self.family.element(eta)
        g = self.inference(self.family.act(r, checked)).g
        return self.family.act(group.compose(group.inverse(g), r), checked)

    def clarity(self, x: Any) -> Tensor:
        """Return ``(B)`` in ``[0, 1]``: 0 where an image is blank, grey or symmetric itself."""
        clarity: Tensor = self.inference.frame(self._images(x)).clarity
        return clarity

    def transform_distribution(
        self, x: Any = None, *, prototype: Tensor | None = None
    ) -> TransformDistribution:
        """Return ``p(eta | prototype)`` of images, or of prototypes that you have.

        Raises:
            OptionError: the model has not been fitted, or not one of both is given.
        """
        if (x is None) == (prototype is None):
            raise OptionError(
                "transform_distribution takes images or prototype=, got both or none. Pass one."
            )
        if self.density is None:
            raise OptionError(
                "the model has no density yet, expected one that was fitted. Call fit(images), or "
                "load a model that was saved after a fit."
            )
        made = self.prototype(x) if prototype is None else self._images(prototype)
        return self.density(made)  # type: ignore[no-any-return]

    @torch.no_grad()
    def log_prob(self, x: Any) -> Tensor:
        """Return ``log p(eta | prototype)`` of the transformation of each image, ``(B)``, in nats.

        It says how usual the pose of an image is for what it shows. It is *no* density of images:
        that would need one of prototypes, which the model does not have.
        """
        g = self.element(x)
        made = self.family.act(self.family.group.inverse(g), self._images(x))
        distribution = self.transform_distribution(prototype=made)
        return distribution.log_prob(self.chart.coordinates(g))

    @torch.no_grad()
    def resample(self, x: Any, n: int = 1, *, generator: torch.Generator | None = None) -> Tensor:
        """Return ``(n, B, C, H, W)``: what images show, in other poses that occur.

        ``act(element(eta) g^-1, x)`` with ``eta`` from ``p(eta | prototype)``: interpolated once.
        """
        checked, group = self._images(x), self.family.group
        g = self.element(checked)
        made = self.family.act(group.inverse(g), checked)
        eta = self.transform_distribution(prototype=made).sample((n,), generator=generator)
        return self.family.act(group.compose(self.chart.element(eta), group.inverse(g)), checked)

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Return new images ``(n, C, H, W)``: prototypes of the training images in new poses.

        Prototypes are drawn from up to 512 that were kept: the model has no density of them.
        """
        if self.density is None or not len(self.kept):
            self.transform_distribution(prototype=self.kept)  # says what to do
        device = "cpu" if generator is None else generator.device
        drawn = torch.randint(len(self.kept), (n,), generator=generator, device=device)
        made = self.kept[drawn.to(self.kept.device)]
        eta = self.transform_distribution(prototype=made).sample(generator=generator)
        return self.family.act(self.chart.element(eta), made)

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

    def keep(self, prototypes: Tensor) -> None:
        """Keep prototypes for :meth:`sample`."""
        self.kept = prototypes[:_KEPT].detach().clone()

    def save(self, path: str | Path) -> None:
        """Write the model to one file, whole or not at all."""
        save_model(self, Path(path))

    @classmethod
    def load(cls, path: str | Path, *, family: TransformationFamily | None = None) -> SymmetryModel:
        """Return a saved model.

        Args:
            path: of the file.
            family: only for a model that was made with a family object instead of a name.

        Raises:
            OptionError: the file is no model, of another version of the format, or of another
                family.
            FileNotFoundError: there is no such file.
            PluginError: the plugin of its family is not installed.
        """
        return load_model(cls, Path(path), family)

    def _images(self, x: Any) -> Tensor:
        images = as_images(x).to(self.kept.device)
        check_shape(images, self.image_shape)
        return images
