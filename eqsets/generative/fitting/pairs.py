"""Pairs of a transformation and a prototype: what stage 2 learns from."""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.generative.canonicalization.inference import Inference
from eqsets.generative.canonicalization.views import random_view

__all__ = ["prototype_pairs"]

_CHUNK = 256
_SIZE = 0.05  # log scale


@torch.no_grad()
def prototype_pairs(
    network: Inference,
    images: Tensor,
    *,
    views: int,
    bounds: Tensor,
    order: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    r"""Return ``eta: (n, views, k)`` and prototypes ``(n, views, *element)`` that belong together.

    Each comes from a :mod:`random view <eqsets.generative.canonicalization.views>`, so the pairs
    are right to interpolation also where inference is not invariant. The prototype is computed
    from the pixels of the view, not from those of the image: from interpolation artifacts of
    :math:`\eta` the density would learn to read :math:`\eta` off.

    Views whose saturation or value would be clipped keep their colours: what is clipped cannot be
    inferred.

    Interpolation widens content, so a prototype of something small is smaller by a percent. Its
    size is made random, by up to 5 %, and eta with it: then it says nothing of eta.
    """
    family = network.family
    roles = [one.in_role("scale", "shear") for one in family.parameters_of_eta]
    sizes = _SIZE * torch.tensor(roles, dtype=torch.get_default_dtype())
    etas, prototypes = [], []
    for x in images.split(_CHUNK):
        drawn = []
        for _ in range(views):
            view = random_view(
                network, x, bounds=bounds, generator=generator, order=order, clipping=False
            )
            if bool(sizes.any()):
                change = (2 * torch.rand(len(x), len(sizes), generator=generator) - 1) * sizes
                g = family.group.compose(view.g, family.element(change.to(x)))
                view = view._replace(g=g)
            drawn.append(view)
        etas.append(torch.stack([view.coordinates(family, network.chart) for view in drawn], 1))
        prototypes.append(torch.stack([view.prototypes(family, order=order) for view in drawn], 1))
    return torch.cat(etas), torch.cat(prototypes)
