r"""Hide from a network how an image was made, and leave what it shows.

Requirement: a prototype must not tell the transformation that its image had. Where images have no
noise it does: content that was small has been enlarged and is soft, content that was large is
crisp, and a network reads the scale off that however much all prototypes are blurred equally
(examples/sprites_density.py: a density that was 7 nats off).

So what might tell is made *random* while a network learns. If a trace :math:`v_0`, here the
variance of the softness, comes with a random :math:`v`, evenly from an interval that is much longer
than the range of :math:`v_0`, only the sum can be seen, and

.. math:: p(v_0 \mid v_0 + v) = p(v_0) \qquad \text{unless } v_0 + v \text{ is near an end:}

it says nothing. After learning, ``v`` is in the middle of its interval. Other artifacts, such as
patterns where pixels and samples beat, go under in a little noise.

The same for the size of prototypes is in :func:`eqsets.generative.fitting.pairs.prototype_pairs`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from eqsets.families import Domain
from eqsets.generative.data.blur import soften

__all__ = ["as_view", "hide_artifacts"]

_LOW, _HIGH = 0.3, 3.0  # variances in square pixels
_NOISE = 0.05  # standard deviation, of a range of 2


def hide_artifacts(x: Tensor, domain: Domain, *, random: bool) -> Tensor:
    """Return elements ``(B, *element)``, softened along the grid of their domain.

    Args:
        x: elements, of about unit size.
        domain: of the elements.
        random: by a random amount each, and with noise, from torch's generator; for learning.
    """
    one = x.flatten(1)[:, 0]
    variance = torch.full_like(one, (_LOW + _HIGH) / 2)
    if random:
        variance = _LOW + (_HIGH - _LOW) * torch.rand_like(one)
    soft = soften(x, variance, fill=domain.background, dims=domain.spatial)
    return soft + _NOISE * torch.randn_like(x) if random else soft


def as_view(x: Tensor, domain: Domain) -> Tensor:
    """Return elements ``(B, C, *grid)`` as soft as views of them are on average.

    Linear interpolation a part ``t`` of a pixel from the next one has the variance ``t (1 - t)``,
    1/6 on average. Softness counts as width; so the pose of an image that was never interpolated is
    off by a percent or two from the poses of its views, which the density knows.

    Example:
        >>> from eqsets.families import Images
        >>> x = torch.full((1, 1, 3, 3), -1.0)
        >>> x[0, 0, 1, 1] = 1.0
        >>> ((as_view(x, Images())[0, 0] + 1) * 72).round()
        tensor([[  1.,  10.,   1.],
                [ 10., 100.,  10.],
                [  1.,  10.,   1.]])
    """
    line = x.new_tensor([1 / 12, 5 / 6, 1 / 12])
    kernel = line.new_ones(())
    for _ in range(domain.spatial):
        kernel = kernel[..., None] * line
    if not domain.spatial:
        return x
    convolution = (F.conv1d, F.conv2d, F.conv3d)[domain.spatial - 1]
    kernel = kernel.expand(x.shape[1], 1, *kernel.shape)
    above: Tensor = convolution(x - domain.background, kernel, padding=1, groups=x.shape[1])
    return above + domain.background
