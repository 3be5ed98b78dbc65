"""Small networks of single elements, as people write them: the models of the tests."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResidualBlock(nn.Module):
    """A residual block with batch normalisation, as in ResNets."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False, padding_mode="circular")
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False, padding_mode="circular")
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class ResNet(nn.Module):
    """Convolutions, residual blocks, a mean over the grid and a linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular")
        self.body = nn.Sequential(ResidualBlock(4, 4), ResidualBlock(4, 6, stride=2))
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(self.stem(x)).mean((2, 3)))


class UNet(nn.Module):
    """Strided and transposed convolutions, and a concatenation; returns a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(2, 4, 4, 2, 1)
        self.middle = nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2, padding_mode="reflect")
        self.up = nn.ConvTranspose2d(4, 4, 4, 2, 1)
        self.last = nn.Conv2d(6, 2, 3, padding="same")

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = F.gelu(self.down(x))
        y = F.gelu(self.middle(y))
        up = self.up(y)
        return {"image": x + self.last(torch.cat([up, x], 1)), "code": y.flatten(1)}


class Shared(nn.Module):
    """One layer at two paths, and a branch that depends on Python."""

    def __init__(self, twice: bool = True) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 2, 3, padding=1)
        self.second = self.first
        self.norm = nn.GroupNorm(1, 2)
        self.act = nn.PReLU(2)
        self.twice = twice

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.first(x)))
        return self.second(x) if self.twice else x


def images() -> Tensor:
    return torch.randn(2, 3, 2, 8, 8, generator=torch.Generator().manual_seed(0)).double()


def signals() -> Tensor:
    return torch.randn(2, 3, 2, 9, generator=torch.Generator().manual_seed(0)).double()


def volumes() -> Tensor:
    return torch.randn(2, 3, 1, 4, 5, 3, generator=torch.Generator().manual_seed(0)).double()


def vectors() -> Tensor:
    return torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0)).double()


def grid(dims: int) -> tuple[str, dict[str, int]]:
    return "translations", {"dims": dims}


ZOO = {
    "residual network": (ResNet, images, grid(2)),
    "U-Net": (UNet, images, grid(2)),
    "one layer twice": (Shared, images, grid(2)),
    "signals": (
        lambda: nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.ConvTranspose1d(4, 2, 3, 2)),
        signals,
        grid(1),
    ),
    "volumes": (
        lambda: nn.Sequential(nn.Conv3d(1, 2, 2), nn.BatchNorm3d(2), nn.ConvTranspose3d(2, 1, 2)),
        volumes,
        grid(3),
    ),
    "perceptron": (
        lambda: nn.Sequential(
            OrderedDict(
                a=nn.Linear(5, 8), n=nn.LayerNorm(8), r=nn.ReLU(), b=nn.Linear(8, 2, bias=False)
            )
        ),
        vectors,
        ("trivial", {}),
    ),
    "one layer": (lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1), images, grid(2)),
}


def trained(build, seed: int = 0) -> nn.Module:
    """Return a model with random weights and statistics, as if it had been trained."""
    torch.manual_seed(seed)
    model = build().double()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.affine:
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return model.eval()
