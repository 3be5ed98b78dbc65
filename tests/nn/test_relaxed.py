"""Layers with a free part: equivariant at the start, and as far off as the free part says."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn as torch_nn

from eqsets import (
    DSS,
    EquivarianceMonitor,
    FeatureTypeError,
    OptionError,
    SetBatch,
    SetNetwork,
    element_group,
    equivariance_error,
    from_dict,
    nn,
    to_dict,
)

D = torch.float64


def relaxed() -> nn.Relaxed:
    torch.manual_seed(0)
    return nn.Relaxed(DSS(element_group("cyclic", size=5), 2, 3)).double()


def test_equivariant_at_the_start_and_to_reordering_always() -> None:
    layer = relaxed()
    assert equivariance_error(layer, layer.in_type, layer.out_type).max < 1e-12
    with torch.no_grad():
        for weight in layer.free.parameters():
            weight.normal_()
    error = equivariance_error(layer, layer.in_type, layer.out_type)
    assert error.element > 0.1
    assert error.permutation < 1e-12
    squares = sum(float(p.detach().square().sum()) for p in layer.free.parameters())
    assert float(layer.penalty().detach()) == pytest.approx(squares)


def test_the_penalty_decides_how_symmetric_a_layer_stays() -> None:
    errors = []
    for price in (0.0, 1.0):
        layer = relaxed()
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(32, 3, 5, 2, generator=generator, dtype=D)
        target = torch.randn(5, 3, generator=generator, dtype=D) * x.mean((2, 3))[..., None, None]
        monitor = EquivarianceMonitor(layer.in_type, layer.out_type, every=50, samples=2)
        optimiser = torch.optim.Adam(layer.parameters(), lr=0.02)
        for _ in range(101):
            optimiser.zero_grad()
            loss = (layer(x) - target).square().mean() + price * layer.penalty()
            loss.backward()
            optimiser.step()
            monitor(layer)
        assert [step for step, _ in monitor.history] == [0, 50, 100]
        errors.append(monitor.history[-1][1])
    assert errors[0] > 0.2
    assert errors[1] < 0.3 * errors[0]


def test_layouts_agree_and_padding_is_zero() -> None:
    layer = relaxed()
    with torch.no_grad():
        for weight in layer.free.parameters():
            weight.normal_()
    x = torch.randn(2, 4, 5, 2, dtype=D)
    mask = torch.tensor([[True, True, False, False], [True] * 4])
    y = layer(x, mask)
    assert not y[0, 2:].any()
    ragged = layer(SetBatch.from_list([x[0, :2], x[1]])).to_list()
    assert torch.allclose(ragged[0], y[0, :2])
    assert torch.allclose(ragged[1], y[1])


def test_described_and_in_networks() -> None:
    layer = relaxed()
    again = from_dict(to_dict(layer)).double()
    again.load_state_dict(layer.state_dict())
    x = torch.randn(2, 4, 5, 2, dtype=D)
    assert torch.equal(again(x), layer(x))


def test_a_convolution_added_to_a_planar_layer() -> None:
    layer = DSS(element_group("planar", rotations=4), 2, 3, kernel_size=3)
    network = nn.Relaxed(layer, torch_nn.Conv2d(2, 3, 3, padding=1))
    assert network(torch.randn(2, 3, 2, 9, 9)).shape == (2, 3, 3, 9, 9)


def test_refusals() -> None:
    with pytest.raises(FeatureTypeError, match="leaves sizes open"):
        nn.Relaxed(DSS("translations", 2, 3, kernel_size=3))
    with pytest.raises(FeatureTypeError, match="reduces the set"):
        nn.Relaxed(SetNetwork("trivial", [2, 3], readout=1))
    with pytest.raises(FeatureTypeError, match="declares its types"):
        nn.Relaxed(torch_nn.Linear(2, 3))
    with pytest.raises(OptionError, match="on rows"):
        nn.Relaxed(DSS("trivial", 2, 3), free=3)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="every=0"):
        EquivarianceMonitor(relaxed().in_type, relaxed().out_type, every=0)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*does not have many workers:UserWarning")
def test_lightning_logs_it() -> None:
    lightning: Any = pytest.importorskip("lightning.pytorch")

    class Model(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = relaxed().float()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.layer(x)
            return y

        def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
            loss: torch.Tensor = self.layer(batch[0]).square().mean()
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    model = Model()
    monitor = EquivarianceMonitor(model.layer.in_type, model.layer.out_type, samples=1)
    data = torch.utils.data.TensorDataset(torch.randn(8, 3, 5, 2))
    trainer = lightning.Trainer(
        max_epochs=2, callbacks=[monitor.callback()], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, accelerator="cpu",
    )  # fmt: skip
    trainer.fit(model, torch.utils.data.DataLoader(data, batch_size=4))
    assert [step for step, _ in monitor.history] == [2, 4]
    assert "equivariance_error" in trainer.callback_metrics
