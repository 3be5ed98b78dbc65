r"""Test-time refinement: random views of an image vote about its pose.

From each of several random members of the orbit, :math:`x_r = \mathrm{act}(r, x)`, inference finds
a pose of ``x`` itself, :math:`r^{-1} \hat g(x_r)`. If inference were invariant, all would be the
same; the one whose prototype is nearest to those of all others wins. It is the medoid, so a
minority that sees the image upside down has no say.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eqsets.generative.inference import Inference

__all__ = ["vote"]


@torch.no_grad()
def vote(inference: Inference, x: Tensor, views: int, *, seed: int = 0) -> Tensor:
    """Return group elements ``(B, *element_shape)``; costs ``views + 1`` inferences.

    Args:
        inference: finds poses.
        x: images ``(B, C, H, W)``.
        views: random views beside the image itself.
        seed: of the views; the result is a function of the image.
    """
    family, group = inference.family, inference.family.group
    generator = torch.Generator().manual_seed(seed)
    poses = [inference(x).g]
    for _ in range(views):
        # One transformation for all images: what is found for one does not depend on the others.
        eta = family.sample(1, generator=generator, dtype=x.dtype).to(x.device)
        r = family.element(eta)
        found = inference(family.act(r, x)).g
        poses.append(group.compose(group.inverse(r).expand_as(found), found))
    made = torch.stack([family.act(group.inverse(g), x).flatten(1) for g in poses], 1)
    best = torch.cdist(made, made).sum(-1).argmin(-1)
    stacked = torch.stack(poses, 1)
    return stacked[torch.arange(len(x), device=x.device), best]
