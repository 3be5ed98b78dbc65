"""A denoiser of single photos, trained further on bursts: as a set network, and with a set head.

    python examples/from_a_trained_network.py            # about 3 CPU minutes
    python examples/from_a_trained_network.py --smoke    # a smoke test of a few steps

Needs: pip install "eqsets[demo,translations]"

1. A small convolutional network is trained to remove noise from single photos.
2. A burst is a set of 8 frames of one scene with different levels of noise; one photo comes out.
   The network is trained further on bursts, for the same number of steps, in three ways:

set-aware   eqsets.set_aware(network, "translations"): the same function on each frame at the
            start, and then frames see each other in every layer; mean of the outputs
head        the network on each frame, plus a DeepSets head of convolutions on its features, which
            is zero at the start; as many parameters as set-aware
separate    the network itself on each frame, mean of the outputs

Expected (PSNR on test photos, in dB): set-aware 29.5, head 28.3, separate 27.7.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import eqsets
from eqsets.nn import Elementwise, SetSequential, nonlinearity
from eqsets_demo.photos import TEST_PHOTOS, load_photo
from experiments import Data, Experiment, Recipe, Size, endless
from experiments.command import run_command
from experiments.data.images import psnr, random_crops, scaled

FRAMES, SIDE, WIDTH, LAYERS = 8, 20, 16, 5
NOISE = (0.05, 0.5)  # standard deviation of a frame, for values in [0, 1]
VALIDATION, TEST = 100, 300  # bursts
PRETRAINING, STEPS = 400, 300
RATES = (1e-2, 3e-2)
PHOTOS = {
    "train": ("coffee", "rocket", "immunohistochemistry"),
    "validation": ("stereo_motorcycle",),
    "test": TEST_PHOTOS,
}
IMAGES = eqsets.element_group("translations")

# ---------------------------------------------------------------------------- data


@cache
def tiles(split: str) -> Tensor:
    """Return grey tiles of photos at half resolution, (tiles, 1, 48, 48)."""
    grey = [F.avg_pool2d(load_photo(name).mean(0, keepdim=True), 2) for name in PHOTOS[split]]
    cut = [x.unfold(1, 48, 24).unfold(2, 48, 24).flatten(1, 2).movedim(0, 1) for x in grey]
    return torch.cat(cut).contiguous()


def bursts(split: str, sets: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return frames (sets, FRAMES, 1, SIDE, SIDE) and their scene (sets, 1, SIDE, SIDE)."""
    scene = random_crops(tiles(split), SIDE, sets, generator)
    low, high = NOISE
    level = low + (high - low) * torch.rand(sets, FRAMES, 1, 1, 1, generator=generator)
    noise = torch.randn(sets, FRAMES, 1, SIDE, SIDE, generator=generator)
    return scaled(scene[:, None] + level * noise), scaled(scene)


# --------------------------------------------------------------------------- models


class Denoiser(nn.Module):
    """A network of single photos: a chain of convolutions that predicts the noise."""

    def __init__(self) -> None:
        super().__init__()
        widths = [1, *[WIDTH] * (LAYERS - 1)]
        chain: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            chain += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.features = nn.Sequential(*chain)
        self.last = nn.Conv2d(WIDTH, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map photos (B, 1, H, W)."""
        noise: Tensor = self.last(self.features(x))
        return x - noise


class Mean(nn.Module):
    """The mean over the set of a network of sets."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Map bursts (B, N, 1, H, W) to photos."""
        y: Tensor = self.network(x).mean(1)
        return y


class Head(nn.Module):
    """The trained network on each frame, plus a DeepSets head of convolutions on its features.

    The last layer of the head is zero at the start, so that this model, too, starts as the network.
    """

    def __init__(self, trained: Denoiser, width: int) -> None:
        super().__init__()
        self.features, self.last = Elementwise(trained.features), Elementwise(trained.last)
        layer = partial(eqsets.DSS, IMAGES, aggregation="centered", kernel_size=3)
        end = layer(width, 1)
        for weight in end.parameters():
            nn.init.zeros_(weight)
        self.head = SetSequential(layer(WIDTH, width), nonlinearity(IMAGES, width), end)

    def forward(self, x: Tensor) -> Tensor:
        """Map bursts (B, N, 1, H, W) to photos."""
        features = self.features(x)
        y: Tensor = (x - self.last(features) - self.head(features)).mean(1)
        return y


@cache
def pretrained(steps: int) -> dict[str, Tensor]:
    """Return the weights of the network after training on single photos."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Denoiser()
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(steps):
        x, scene = bursts("train", 8, generator)
        target = scene[:, None].expand_as(x).flatten(0, 1)
        loss = F.mse_loss(model(x.flatten(0, 1)), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.state_dict()


def trained() -> Denoiser:
    """Return the network with its trained weights."""
    model = Denoiser()
    model.load_state_dict(pretrained(PRETRAINING))
    return model


def matched_width() -> int:
    """Return the width of a head with which it has the parameters of set-aware."""
    target, feature = count(set_aware()), Denoiser()
    widths = range(WIDTH, 8 * WIDTH)
    return min(widths, key=lambda width: abs(count(Head(feature, width)) - target))


def count(model: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(weight.numel() for weight in model.parameters())


def set_aware() -> nn.Module:
    """Return the network as a network of sets."""
    return Mean(eqsets.set_aware(trained(), "translations"))


MODELS: dict[str, Callable[[], nn.Module]] = {
    "set-aware": set_aware,
    "head": lambda: Head(trained(), matched_width()),
    "separate": lambda: Mean(Elementwise(trained())),
}
TITLES = {
    "set-aware": "set_aware",
    "head": "DeepSets head",
    "separate": "each frame separately",
}

# ------------------------------------------------------------------------ experiment


def data(setting: str, seed: int) -> Data:
    """Return bursts of training, validation and test photos."""
    return endless(bursts, VALIDATION, TEST)


def before(sets: Tensor) -> Tensor:
    """Return the mean of what the network makes of single frames, before training on bursts."""
    with torch.inference_mode():
        y: Tensor = Mean(Elementwise(trained().eval()))(sets)
    return y


def reordering_error(model: nn.Module) -> float:
    """Return the relative change of the output where the frames are reordered."""
    x, _ = bursts("test", 2, torch.Generator().manual_seed(0))
    with torch.inference_mode():
        y, z = model(x), model(x.flip(1))
    return float((y - z).norm() / y.norm())


EXPERIMENT = Experiment(
    name="from-a-trained-network",
    title="Bursts, from a denoiser of single photos",
    figure="PSNR in dB",
    axis="photos",
    models=MODELS,
    titles=TITLES,
    data=data,
    plan=(FRAMES, SIDE, WIDTH, LAYERS, NOISE, PRETRAINING),
    loss=F.mse_loss,
    score=psnr,
    decimals=2,
    error=reordering_error,
    set_size=FRAMES,
    references={"before training on bursts": before, "mean frame": lambda sets: sets.mean(1)},
    sizes={
        "full": Size(Recipe(steps=STEPS, batch=8), ("photos",), (0, 1, 2), RATES, "photos"),
        "quick": Size(Recipe(steps=100, batch=8), ("photos",), (0,), RATES, "photos"),
        "smoke": Size(Recipe(steps=2, batch=2), ("photos",), (0,), RATES[:1], "photos", tests=4),
    },
)

if __name__ == "__main__":
    sys.exit(run_command(EXPERIMENT))
