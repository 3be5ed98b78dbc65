"""The photographs of the demo. They are in the wheel of scikit-image; nothing is downloaded.

Training photos and test photos are disjoint, and show different scenes.
"""

from __future__ import annotations

from types import MappingProxyType

import torch
from torch import Tensor

from eqsets.errors import OptionError, choices
from eqsets_demo.needs import require

__all__ = ["TEST_PHOTOS", "TRAINING_PHOTOS", "load_photo"]

# Relative frequency of each training photo: everyday scenes are sampled most.
TRAINING_PHOTOS = MappingProxyType(
    {
        "coffee": 3,
        "rocket": 3,
        "stereo_motorcycle": 3,
        "hubble_deep_field": 1,
        "immunohistochemistry": 1,
        "retina": 1,
    }
)
TEST_PHOTOS = ("astronaut", "chelsea")


def load_photo(name: str) -> Tensor:
    """Return a photo of scikit-image in the range [0, 1], ``(3, H, W)``.

    Raises:
        OptionError: the demo uses no photo of that name, or scikit-image is missing.
    """
    known = [*TRAINING_PHOTOS, *TEST_PHOTOS]
    if name not in known:
        raise OptionError(f"the demo has no photo {name!r}: {choices(name, known)}")
    pixels = getattr(require("skimage.data"), name)()
    if isinstance(pixels, tuple):  # a stereo pair with its depth map: the left view
        pixels = pixels[0]
    photo = torch.tensor(pixels).permute(2, 0, 1).float() / 255
    if max(photo.shape) > 1200:  # the retina: a large, smooth scan
        photo = torch.nn.functional.avg_pool2d(photo, 2)
    return photo.contiguous()
