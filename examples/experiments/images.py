"""How far an image is from the truth: error, PSNR and SSIM of images with mean 0, or so."""

from __future__ import annotations

from skimage.metrics import structural_similarity
from torch import Tensor

__all__ = ["absolute_error", "pixels", "psnr", "scaled", "ssim"]

_MEAN, _SPREAD = 0.5, 0.25


def scaled(image: Tensor) -> Tensor:
    """Bring [0, 1] to mean 0 and standard deviation 1, or so."""
    return (image - _MEAN) / _SPREAD


def pixels(image: Tensor) -> Tensor:
    """Undo :func:`scaled`, and clip to [0, 1]."""
    return (_SPREAD * image + _MEAN).clamp(0, 1)


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
    found = [
        structural_similarity(
            ours,
            truth,
            data_range=1.0,
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for ours, truth in zip(pixels(output).numpy(), pixels(answer).numpy(), strict=True)
    ]
    return float(sum(found) / len(found))
