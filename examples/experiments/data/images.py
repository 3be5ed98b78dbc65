"""Random crops of images, and measures of restoration: error, PSNR and SSIM."""

from __future__ import annotations

import torch
from skimage.metrics import structural_similarity
from torch import Tensor

__all__ = ["absolute_error", "pixels", "psnr", "random_crops", "scaled", "ssim"]

_MEAN, _SPREAD = 0.5, 0.25


def scaled(image: Tensor) -> Tensor:
    """Map [0, 1] to a mean of about 0 and a standard deviation of about 1."""
    return (image - _MEAN) / _SPREAD


def pixels(image: Tensor) -> Tensor:
    """Invert :func:`scaled`, and clip to [0, 1]."""
    return (_SPREAD * image + _MEAN).clamp(0, 1)


def random_crops(images: Tensor, size: int, sets: int, generator: torch.Generator) -> Tensor:
    """Return crops ``(sets, C, size, size)`` of ``(n, C, H, W)``, half of them mirrored."""
    indices = torch.randint(len(images), (sets,), generator=generator).tolist()
    top = torch.randint(images.shape[-2] - size + 1, (sets,), generator=generator).tolist()
    left = torch.randint(images.shape[-1] - size + 1, (sets,), generator=generator).tolist()
    scenes = [
        images[number, :, y : y + size, x : x + size]
        for number, y, x in zip(indices, top, left, strict=True)
    ]
    mirrored = (torch.rand(sets, generator=generator) < 0.5).view(-1, 1, 1, 1)
    crops = torch.stack(scenes)
    return torch.where(mirrored, crops.flip(-1), crops)


def absolute_error(output: Tensor, answer: Tensor) -> Tensor:
    """Return the mean absolute error."""
    return (output - answer).abs().mean()


def psnr(output: Tensor, answer: Tensor) -> float:
    """Return the mean over images ``(B, C, H, W)`` of the peak signal-to-noise ratio, in dB."""
    error = (pixels(output) - pixels(answer)).square().flatten(1).mean(1)
    return float(-10 * error.log10().mean())


def ssim(output: Tensor, answer: Tensor) -> float:
    """Return the mean over images ``(B, C, H, W)`` of the structural similarity, at most 1.

    With Gaussian windows of 11 pixels, as in Wang et al., "Image quality assessment", 2004.
    """
    values = [
        structural_similarity(
            image,
            truth,
            data_range=1.0,
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for image, truth in zip(pixels(output).numpy(), pixels(answer).numpy(), strict=True)
    ]
    return float(sum(values) / len(values))
