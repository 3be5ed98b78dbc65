"""A U-Net of set layers commutes with shifts by its total stride, and with no smaller ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from eqsets import DSS, equivariance_error
from eqsets.nn import Elementwise, nonlinearity
from eqsets_translations import Shifts, Translations


class SetUNet(nn.Module):
    """Two levels down by pooling, up by interpolation or transposed convolution, with skips."""

    def __init__(self, symmetry: Translations, kind: str) -> None:
        super().__init__()
        self.symmetry = symmetry
        fine, half, low = (symmetry.feature_type(spec) for spec in ("4", "6 /2", "8 /4"))
        self.in_type = symmetry.feature_type(2)
        self.out_type = symmetry.feature_type(1)
        self.enter = DSS(symmetry, self.in_type, fine, kernel_size=3)
        if kind == "pool":
            self.down = nn.ModuleList([self._pool(fine), self._pool(half)])
            self.mix = nn.ModuleList([DSS(symmetry, "4 /2", half), DSS(symmetry, "6 /4", low)])
        else:
            self.down = nn.ModuleList([nn.Identity(), nn.Identity()])
            self.mix = nn.ModuleList(
                [DSS(symmetry, fine, half, kernel_size=4), DSS(symmetry, half, low, kernel_size=3)]
            )
        if kind == "pool":
            first = symmetry.upsample(low, kind="linear")
            second = symmetry.upsample(half, kind="nearest")
            self.up = nn.ModuleList([Elementwise(first), Elementwise(second)])
        else:
            self.up = nn.ModuleList(
                [DSS(symmetry, low, "8 /2", kernel_size=4), DSS(symmetry, half, "6", kernel_size=3)]
            )
        self.join = nn.ModuleList([DSS(symmetry, "14 /2", half), DSS(symmetry, "10", fine)])
        self.leave = DSS(symmetry, fine, self.out_type, kernel_size=1)
        self.act = nonlinearity(symmetry, fine, "gelu").module

    def _pool(self, features) -> Elementwise:
        module = self.symmetry.pool(features, kind="mean")
        return Elementwise(module, module.in_type, module.out_type)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.act(self.enter(x))
        half = self.act(self.mix[0](self.down[0](fine)))
        low = self.act(self.mix[1](self.down[1](half)))
        half = self.act(self.join[0](torch.cat([self.up[0](low), half], 2)))
        fine = self.act(self.join[1](torch.cat([self.up[1](half), fine], 2)))
        return self.leave(fine)


@pytest.mark.parametrize("padding_mode", ["circular", "zeros"])
@pytest.mark.parametrize("kind", ["pool", "stride"])
def test_equivariant_to_its_total_stride(kind: str, padding_mode: str) -> None:
    grid = None if padding_mode == "circular" else (128, 132)
    net = SetUNet(Translations(2, padding_mode, stride=4, grid=grid), kind).double()
    report = equivariance_error(net, net.in_type, net.out_type, samples=2, batch=1, size=2)
    assert report.max < 1e-12, report


@pytest.mark.parametrize("kind", ["pool", "stride"])
def test_not_equivariant_to_less(kind: str) -> None:
    net = SetUNet(Translations(2, "circular", stride=4), kind).double()
    report = equivariance_error(
        net, net.in_type, net.out_type, samples=2, batch=1, size=2, group=Shifts((1, 1))
    )
    assert report.element > 1e-4
    assert report.permutation < 1e-12
