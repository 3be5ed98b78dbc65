r"""Synthetic bursts: several degraded photographs of one scene.

Frame :math:`i` of a burst of the scene :math:`y` is

.. math:: x_i = \mathrm{clip}(k_i * y + \sigma_i \epsilon)

- :math:`k_i`, motion blur by the camera: a curved trail of random length and direction, displaced
  by a few pixels. A burst is centred: the displacements of its frames sum to zero, so that the
  ground truth is the scene at the mean position of the camera.
- :math:`\sigma_i`, the standard deviation of the sensor noise, which varies between frames.

A single frame determines neither its displacement nor the details that its own blur removes; the
other frames do. An element-wise network cannot use them.

A batch is a function of the seed and its number: all models are trained on the same bursts, and an
interrupted training resumes with the next batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from eqsets_demo.photos import load_photo

__all__ = ["BurstSource", "Camera", "psnr"]

_POINTS = 24  # of a trail: less than half a pixel between neighbours


@dataclass(frozen=True)
class Camera:
    """A moving camera with sensor noise.

    Arguments:
        frames: number of frames of a burst.
        trail: shortest and longest motion blur, in pixels; log-uniform.
        shift: largest displacement along each axis before centring, in pixels; uniform.
        noise: smallest and largest standard deviation of the noise, for values in [0, 1];
            log-uniform.
    """

    frames: int = 6
    trail: tuple[float, float] = (1.0, 10.0)
    shift: float = 3.0
    noise: tuple[float, float] = (0.01, 0.1)

    @property
    def margin(self) -> int:
        """Number of pixels beyond the border of a crop that the blur reaches."""
        return math.ceil(self.trail[1] / 2 + 2 * self.shift) + 1

    def kernels(self, bursts: int, generator: torch.Generator) -> Tensor:
        """Return blur kernels that sum to one, ``(bursts, frames, K, K)``, K = 2 margin + 1."""
        count = (bursts, self.frames, 1)
        length = _log_uniform(self.trail, count, generator)
        turn = 2 * math.pi * torch.rand(count, generator=generator)
        bend = torch.randn(count, generator=generator)
        angle = turn + bend * torch.linspace(-0.5, 0.5, _POINTS)
        steps = torch.stack([angle.sin(), angle.cos()], -1) * (length / _POINTS).unsqueeze(-1)
        trail = steps.cumsum(-2)
        shift = self.shift * (2 * torch.rand((bursts, self.frames, 2), generator=generator) - 1)
        centred = (shift - shift.mean(1, keepdim=True)).unsqueeze(-2)
        path = trail - trail.mean(-2, keepdim=True) + centred  # (bursts, frames, points, 2)
        pixels = torch.arange(-self.margin, self.margin + 1)
        near = (1 - (path.unsqueeze(-1) - pixels).abs()).clamp_min(0)  # linear interpolation
        kernel = torch.einsum("bfpy,bfpx->bfyx", near[..., 0, :], near[..., 1, :])
        return kernel / kernel.sum((-2, -1), keepdim=True)

    def shoot(self, scenes: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return bursts of ``scenes: (B, 3, H + 2 margin, W + 2 margin)``.

        Returns:
            The frames ``(B, frames, 3, H, W)`` and the ground truth ``(B, 3, H, W)``, in [0, 1].
        """
        height, width = scenes.shape[-2:]
        kernels = self.kernels(len(scenes), generator).unsqueeze(2)
        size, reach = (height, width), 2 * self.margin
        spectrum = torch.fft.rfft2(scenes).unsqueeze(1) * torch.fft.rfft2(kernels, s=size)
        blurred = torch.fft.irfft2(spectrum, s=size)[
            ..., reach:, reach:
        ]  # without the wrapped border
        noise = _log_uniform(self.noise, (len(scenes), self.frames, 1, 1, 1), generator)
        frames = blurred + noise * torch.randn(blurred.shape, generator=generator)
        inside = slice(self.margin, -self.margin)
        return frames.clamp(0, 1), scenes[..., inside, inside].contiguous()


class BurstSource:
    """An unlimited number of bursts of random crops of photos.

    Arguments:
        photos: names, with the relative frequency of each.
        camera: the model of blur and noise.
        size: height and width of a frame.
        seed: of crops, blur and noise.
        augment: mirror, transpose and permute the colour channels of the scenes at random.
    """

    def __init__(
        self,
        photos: Mapping[str, float],
        camera: Camera,
        *,
        size: int,
        seed: int,
        augment: bool = False,
    ) -> None:
        self.names = tuple(photos)
        self.camera, self.size, self.seed, self.augment = camera, size, seed, augment
        self._photos = [load_photo(name) for name in self.names]
        self._weights = torch.tensor([float(weight) for weight in photos.values()])

    def batch(self, number: int, bursts: int) -> tuple[Tensor, Tensor]:
        """Return batch ``number``: frames ``(bursts, N, 3, S, S)``, truth ``(bursts, 3, S, S)``."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        indices = torch.multinomial(self._weights, bursts, True, generator=generator).tolist()
        scenes = [self._crop(self._photos[index], generator) for index in indices]
        return self.camera.shoot(torch.stack(scenes), generator)

    def at(self, name: str, top: int, left: int) -> tuple[Tensor, Tensor]:
        """Return one burst (a batch of one) of the crop at a given row and column of a photo."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + 1009 * top + left)
        margin, side = self.camera.margin, self.size + 2 * self.camera.margin
        photo = self._photos[self.names.index(name)]
        rows, columns = (
            slice(top - margin, top - margin + side),
            slice(left - margin, left - margin + side),
        )
        return self.camera.shoot(photo[None, :, rows, columns], generator)

    def _crop(self, photo: Tensor, generator: torch.Generator) -> Tensor:
        side = self.size + 2 * self.camera.margin
        top, left = (
            int(torch.randint(points - side + 1, (1,), generator=generator))
            for points in photo.shape[1:]
        )
        scene = photo[:, top : top + side, left : left + side]
        if not self.augment:
            return scene
        mirror_y, mirror_x, transpose = (torch.rand(3, generator=generator) < 0.5).tolist()
        flips = [axis for axis, flip in ((1, mirror_y), (2, mirror_x)) if flip]
        scene = scene.flip(flips)[torch.randperm(3, generator=generator)]
        return scene.transpose(1, 2) if transpose else scene


def _log_uniform(
    bounds: tuple[float, float], shape: tuple[int, ...], generator: torch.Generator
) -> Tensor:
    low, high = bounds
    return low * (high / low) ** torch.rand(shape, generator=generator)


def psnr(image: Tensor, truth: Tensor) -> Tensor:
    """Return the PSNR of images ``(B, 3, H, W)`` in [0, 1], in dB: ``(B,)``."""
    error = (image.clamp(0, 1) - truth).square().flatten(1).mean(1)
    return -10 * error.log10()
