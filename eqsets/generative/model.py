r"""The symmetry-aware generative model: prototypes, and which transformations of them occur.

.. math:: x = T_\eta(\hat x), \qquad \eta \sim p(\eta \mid \hat x)

One prototype for each orbit; stage 1 learns to find it, stage 2 learns the density. What it does
not learn is a density of prototypes: that is for a model on top of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from eqsets.families import TransformationFamily
from eqsets.generative.canonicalization.canonical_model import renamed_shape
from eqsets.generative.data.images import check_shape, split
from eqsets.generative.density.conditional import ConditionalDensity
from eqsets.generative.density.pose_model import PoseModel
from eqsets.generative.fitting.fit import Fit, fit_stages
from eqsets.generative.fitting.losses import LossWeights
from eqsets.generative.fitting.presets import Preset, preset_of
from eqsets.generative.saving import SavedModel
from eqsets.training import FitOptions, fingerprint

if TYPE_CHECKING:
    from lightning.fabric.loggers.logger import Logger

__all__ = ["SymmetryModel"]


class SymmetryModel(PoseModel):
    r"""Learn to what extent each transformation of a family is a symmetry of the data.

    References:
        Allingham et al., *A Generative Model of Symmetry Transformations*, NeurIPS 2024. What is
        different here, and why, is on the page "Discover symmetries".

    Arguments:
        family: a name as :func:`eqsets.transformation` takes it (``"affine-no-shear+hsv"``), or a
            family.
        shape: of one element of the domain of the family: ``(C, H, W)`` of images.
        backbone: of the inference: ``"canonical"`` (the frame of the family with its learned parts,
            and a learned correction), ``"analytic"`` (the frame alone), ``"cnn"`` or ``"mlp"`` (as
            published).
        background: value that counts as nothing in the frame; default: that of the domain, -1 of
            images.
        passes: how often the learned correction is applied, each time to what the last one left.
        dropout: of the density network while it is fitted.
        image_shape: the old name of ``shape``.

    Raises:
        OptionError: there is no such backbone, or background or passes are out of range.
        PluginError: there is no such family.
        ShapeError: this is no shape of elements of the domain.

    Example:
        >>> import torch
        >>> model = SymmetryModel("rotation", (1, 16, 16), backbone="analytic")
        >>> x = torch.full((1, 1, 16, 16), -1.0)
        >>> x[..., 3:6, 8:14] = 1.0
        >>> turned = x.rot90(1, (-2, -1))
        >>> (model.prototype(x) - model.prototype(turned)).abs().max() < 1e-4
        tensor(True)
    """

    def __init__(
        self,
        family: str | TransformationFamily,
        shape: tuple[int, ...] | None = None,
        *,
        backbone: str = "canonical",
        background: float | None = None,
        passes: int = 1,
        dropout: float = 0.1,
        image_shape: tuple[int, ...] | None = None,
    ) -> None:
        shape = renamed_shape(shape, image_shape)
        super().__init__(family, shape, backbone=backbone, background=background, passes=passes)
        self.dropout, self.history = dropout, Fit([], [])
        self.eval()

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
        **device_options: Any,
    ) -> Fit:
        """Fit both stages.

        Args:
            images: elements of the domain of the family, ``(n, *element)``: an array or tensor,
                see :func:`eqsets.generative.as_images` for images.
            validation: elements to measure with; default: a tenth of ``images``, held out.
            preset: ``"quick"``, ``"default"``, ``"paper"`` or a :class:`Preset`.
            seed: of all random numbers: on a CPU, the same seed gives the same model.
            bounds: ``(k, 2)``, of random transformations; default: those of the family. They must
                be wider than the symmetry that is looked for.
            weights: of the terms of the first loss.
            folder: for checkpoints and curves. A fit that was killed is resumed from there.
            resume: whether to do that.
            quiet: show no progress.
            loggers: of Lightning: ``TensorBoardLogger`` ...
            device_options: arguments of ``lightning.Fabric``: ``accelerator``, ``devices``,
                ``strategy``, ``num_nodes`` ... By default, a CUDA device if there is one. Leave
                ``precision`` at 32 bits: products of group elements need their digits.

        Returns:
            The curves, which are also in :attr:`history`.

        Raises:
            ShapeError: these are not the elements that the model takes.
            OptionError: a dependency is missing; an argument is none of ``Fabric``; the folder
                holds another fit; all images are grey and the family is of colours; the loss was
                never finite.
        """
        options = FitOptions.of(
            seed=seed,
            folder=folder,
            resume=resume,
            quiet=quiet,
            loggers=loggers,
            **device_options,
        )
        plan, weights = preset_of(preset), weights or LossWeights()
        limits = self.family.bounds if bounds is None else bounds
        known, held_out = self._data(images, validation, seed)
        settings = (self.family, self.backbone, self.background, plan, seed, weights)
        # Defaults add nothing, so that fits of earlier versions keep their fingerprints.
        unusual: list[object] = [] if validation is None else [held_out]
        unusual += [f"passes={self.passes}"] if self.passes > 1 else []
        fitted = fit_stages(
            self.new_inference,
            (known.to(self.dtype), held_out.to(self.dtype)),
            preset=plan,
            bounds=limits,
            weights=weights,
            identity=fingerprint(known, limits, settings, *unusual),
            options=options,
        )
        self.inference, self.density = fitted.inference, fitted.density
        self.dropout, self.history = plan.dropout, fitted.curves
        self.store_prototypes(fitted.prototypes)
        self.cpu().eval()
        return self.history

    def save(self, path: str | Path) -> None:
        """Write the model to one file, whole or not at all."""
        options = {
            "image_shape": list(self.shape),
            "backbone": self.backbone,
            "background": self.background,
            "passes": self.passes,
            "dropout": self.dropout,
        }
        SavedModel(
            family=self.name,
            family_repr=repr(self.family),
            options=options,
            fitted=self.density is not None,
            history={name: list(curve) for name, curve in self.history._asdict().items()},
            state={name: tensor.cpu() for name, tensor in self.state_dict().items()},
        ).write(Path(path))

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
        file = Path(path)
        saved = SavedModel.read(file)
        options = dict(saved.options)
        shape = tuple(options.pop("image_shape"))
        model = cls(saved.family_or(family, file), shape, **options)
        saved.check_family(model.family, file)
        if saved.fitted:
            model.density = ConditionalDensity(
                model.chart, model.shape, dropout=model.dropout, domain=model.family.domain
            )
        model.load_state_dict(saved.state)
        model.history = Fit(**saved.history)
        return model.eval()

    def _data(self, images: Any, validation: Any, seed: int) -> tuple[Tensor, Tensor]:
        domain = self.family.domain
        known = domain.as_batch(images).cpu()  # the loop moves what it trains
        check_shape(known, self.shape, domain.noun)
        self.family.check_content(known)
        if validation is None:
            return split(known, seed, domain.noun)
        held_out = domain.as_batch(validation).cpu()
        check_shape(held_out, self.shape, domain.noun)
        return known, held_out
