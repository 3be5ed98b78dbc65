r"""Inference of a transformation that all images of a set share.

.. math:: x_i = \mathrm{act}(g, \hat x_i) + \text{noise and occlusion of image } i, \qquad
          \hat g(X) = f(X) \cdot \mathrm{element}\bigl(r(\mathrm{act}(f(X)^{-1}, X))\bigr)

``f`` is the mean, on the group, of the inferences for single images by a closed form or by a fitted
inference; ``r`` is a DSS network on the set in this frame, which corrects it. ``r`` is initialised
to zero, so that the initial result is the mean. Both are invariant to the order of the set and
equivariant to a transformation of the whole set, up to interpolation.

This depends on ``eqsets.generative``, which knows nothing of sets, and on ``SetNetwork``,
which knows nothing of transformations.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from eqsets.errors import OptionError, ShapeError
from eqsets.families import TransformationFamily
from eqsets.families.domains.encoders import zero_last_layer
from eqsets.generative import Inference, LossWeights, StagePlan
from eqsets.generative.canonicalization.canonical_model import renamed_shape
from eqsets.generative.canonicalization.heads import CoordinateHead
from eqsets.network import SetNetwork
from eqsets.registry import transformation
from eqsets.set_inference.average import average_element
from eqsets.set_inference.objective import SetObjective
from eqsets.set_inference.sets import as_sets, split_sets
from eqsets.symmetry import ElementSymmetry
from eqsets.training import FitOptions, fingerprint, run_stage

if TYPE_CHECKING:
    from lightning.fabric.loggers.logger import Logger

__all__ = ["SetInference"]


class SetInference(nn.Module):
    r"""Infer the group element that all images of a set were made with.

    With sets of one image it is an inference from single images.

    Arguments:
        family: a name as :func:`eqsets.transformation` takes it, or a family.
        shape: of one element of the domain: ``(C, H, W)`` of images.
        frame: where the network starts from: ``"analytic"``, the mean of the closed-form frames, or
            the mean of what a fitted inference from single images says, ``SymmetryModel.inference``
            or a SetInference, which is not trained any more.
        background: value that counts as nothing in the closed forms; default: that of the domain.
        passes: how often the correction is applied, each time to what the last one left.
        element_group: of the DSS layers; its elements must be images ``(C, H, W)``.
        features: types between them.
        aggregation: of the DSS layers and of the set at the end.
        image_shape: the old name of ``shape``.

    Raises:
        OptionError: there is no such frame, or it is of another family; background or passes are
            out of range.
        PluginError: there is no such family or element group.
        ShapeError: this is no shape of elements of the domain.

    Example:
        >>> inference = SetInference("rotation", (1, 16, 16))
        >>> burst = torch.full((2, 5, 1, 16, 16), -1.0)
        >>> burst[..., 3:6, 8:14] = 1.0
        >>> inference.element(burst).shape, inference.prototype(burst).shape
        (torch.Size([2, 3, 3]), torch.Size([2, 5, 1, 16, 16]))
    """

    def __init__(
        self,
        family: str | TransformationFamily,
        shape: tuple[int, ...] | None = None,
        *,
        frame: str | Inference | SetInference = "analytic",
        background: float | None = None,
        passes: int = 2,
        element_group: str | ElementSymmetry = "translations",
        features: Sequence[Any] = ("12/2", "24/2"),
        aggregation: str = "mean",
        image_shape: tuple[int, ...] | None = None,
        **layer_options: Any,
    ) -> None:
        super().__init__()
        fitted = isinstance(frame, Inference | SetInference)
        if not (fitted or frame == "analytic") or passes < 1:
            raise OptionError(
                f"got frame={frame!r} and passes={passes}, expected 'analytic' or a fitted "
                "inference, and at least one pass. Leave them out for the defaults."
            )
        self.family = transformation(family) if isinstance(family, str) else family
        domain = self.family.domain
        self.shape = domain.as_shape(renamed_shape(shape, image_shape))
        if background is not None:
            domain.check_background(background)
        self.passes, self.chart = passes, self.family.chart()
        if not isinstance(frame, str) and frame.family != self.family:
            raise OptionError(
                f"got a frame of the family {frame.family!r}, expected {self.family!r}: it says "
                "where to start from. Pass its family, or frame='analytic'."
            )
        self.start: Inference | SetInference
        if isinstance(frame, str):
            self.start = Inference(self.family, self.shape, frame, background=background)
        else:
            self.start = deepcopy(frame)
        self.start.requires_grad_(False)
        self.calibrated = not isinstance(frame, str)
        self.head = CoordinateHead(self.chart, centred=True)
        self.network = SetNetwork(
            element_group,
            [self.shape[0], *features],
            aggregation=aggregation,
            set_pool=aggregation,
            **{"kernel_size": 5, "activation": "gelu", **layer_options},
        )
        with torch.no_grad():
            pooled = self.network(torch.zeros(1, 1, *self.shape)).shape[1:]
        self.encoder = domain.encoder(tuple(pooled), self.head.inputs)
        zero_last_layer(self.encoder)
        self.curve: list[dict[str, float]] = []

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The old name of ``shape``."""
        warnings.warn(
            "SetInference.image_shape is deprecated: it is now shape.",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.shape

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map sets ``(B, N, C, H, W)``, with ``mask: (B, N)``, to group elements of the sets.

        Raises:
            ShapeError: the mask is not of this shape, not bool, or leaves a set empty.
        """
        group = self.family.group
        if mask is not None and mask.shape != x.shape[:2]:
            raise ShapeError(
                f"got a mask of shape {tuple(mask.shape)} for sets of shape {tuple(x.shape)}, "
                f"expected {tuple(x.shape[:2])}. Write mask.expand({x.shape[0]}, {x.shape[1]}) if "
                "it is the same for all."
            )
        present = x.new_ones(x.shape[:2]) if mask is None else mask.to(x.dtype)
        domain = self.family.domain
        images = torch.where(domain.over_axes(present) > 0, x, domain.background)
        g = self._average(images, present)
        for _ in range(self.passes):
            seen = self.family.act(group.inverse(g)[:, None], images)
            correction = self.head(self.encoder(nn.functional.gelu(self.network(seen, mask))))
            g = group.compose(g, self.chart.element(correction))
        return g

    @torch.no_grad()
    def _average(self, x: Tensor, present: Tensor) -> Tensor:
        alone = x.flatten(0, 1)
        if isinstance(self.start, SetInference):
            each, confidence = self.start(alone[:, None]), torch.ones_like(present)
        else:
            each, confidence, *_ = self.start(alone)
            confidence = 1e-3 + confidence.unflatten(0, present.shape)
        return average_element(self.family, each.unflatten(0, present.shape), present * confidence)

    @torch.no_grad()
    def element(self, x: Any, mask: Tensor | None = None) -> Tensor:
        """Return the group element of each set: ``(B, *element_shape)``."""
        sets = self._sets(x)
        g: Tensor = self(sets, mask if mask is None else mask.to(sets.device))
        return g

    def transformation(self, x: Any, mask: Tensor | None = None) -> Tensor:
        """Return ``eta: (B, k)``, in the coordinates of :attr:`chart`."""
        return self.chart.coordinates(self.element(x, mask)).to(torch.float32)

    def prototype(self, x: Any, mask: Tensor | None = None) -> Tensor:
        """Return ``(B, N, C, H, W)``: every image in the frame that its set has."""
        back = self.family.group.inverse(self.element(x, mask))
        return self.family.act(back[:, None], self._sets(x))

    def fit(
        self,
        bursts: Any,
        *,
        validation: Any = None,
        plan: StagePlan | None = None,
        seed: int = 0,
        bounds: Tensor | None = None,
        weights: LossWeights | None = None,
        folder: str | Path | None = None,
        resume: bool = True,
        quiet: bool = False,
        loggers: Sequence[Logger] = (),
        **device_options: Any,
    ) -> list[dict[str, float]]:
        """Learn from sets alone: two halves of a set, transformed differently, must agree.

        Nothing is known of the transformations. Within a set, they must be the same.

        Args:
            bursts: sets ``(S, N, C, H, W)`` in ``[-1, 1]`` or bytes, with ``N`` at least 2.
            validation: sets to measure with; default: a tenth, held out.
            plan: of the optimisation; ``samples`` is the most images that either half has (``1``:
                learn to infer from single images).
            seed: of all random numbers of the fit.
            bounds: ``(k, 2)``, of random transformations; default: those of the family.
            weights: of the terms of the loss.
            folder: for checkpoint and curve; a fit that was killed is resumed from there.
            resume: whether to do that.
            quiet: show no progress.
            loggers: of Lightning.
            device_options: arguments of ``lightning.Fabric``.

        Returns:
            The curve, which is also in :attr:`curve`.

        Raises:
            ShapeError: these are no sets of images of the right shape, or too few.
            OptionError: the folder holds another fit.
        """
        options = FitOptions.of(
            seed=seed,
            folder=folder,
            resume=resume,
            quiet=quiet,
            loggers=loggers,
            **device_options,
        )
        chosen = plan or StagePlan(600, batch=16, samples=64)
        limits = self.family.bounds if bounds is None else bounds
        known, test = split_sets(
            self._sets(bursts), None if validation is None else self._sets(validation)
        )
        if isinstance(self.start, Inference) and not self.calibrated:
            self.start.frame.calibrate(known.flatten(0, 1))
        objective = SetObjective(
            self, self.family, known, test, chosen, limits, weights or LossWeights()
        )
        settings = (self.family, self.network, self.passes, chosen, seed, objective.weights)
        unusual = [] if validation is None else [test]
        unusual += self.start.parameters()  # of a fitted inference, which is not trained any more
        self.train()
        identity = fingerprint(known, limits, settings, *unusual)
        self.curve = run_stage(objective, chosen, name="sets", identity=identity, options=options)
        self.cpu().eval()
        return self.curve

    def _sets(self, x: Any) -> Tensor:
        return as_sets(x, self.shape, self.family.domain).to(next(self.encoder.parameters()))
