"""SetResNet: its start, its parts, gradients at depth, and what does not fit."""

from __future__ import annotations

import pytest
import torch

from eqsets import (
    ElementSymmetry,
    FeatureTypeError,
    InvariantFeatures,
    OptionError,
    SetBatch,
    SetResNet,
    element_group,
    equivariance_error,
)
from eqsets.groups import TrivialGroup
from eqsets.nn import Residual

RING = element_group("cyclic", size=4)
MASK = torch.tensor([[True, False, True], [True, True, True]])


def sets() -> torch.Tensor:
    return torch.randn(2, 3, 4, 2, generator=torch.Generator().manual_seed(0))


def residuals(network: SetResNet) -> list[Residual]:
    return [layer for layer in network.blocks.layers if isinstance(layer, Residual)]


@pytest.mark.parametrize("aggregation", ["centered", "sum", "max", "sridhar", "aittala", "none"])
@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("start", ["zero", "scale"])
def test_every_block_starts_as_the_identity(start: str, alignment: str, aggregation: str) -> None:
    options = {"alignment": alignment, "aggregation": aggregation}
    network = SetResNet(RING, [2, 6, 4], depth=3, start=start, **options)
    for block in residuals(network):
        x = torch.randn(2, 3, 4, 6)
        assert torch.equal(block(x), x)


@pytest.mark.parametrize("start", ["zero", "scale"])
def test_every_weight_learns_after_a_step(start: str) -> None:
    torch.manual_seed(0)
    network = SetResNet(RING, [2, 6, 4], depth=2, start=start, readout=1, activation="silu")
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        network(sets()).square().sum().backward()
        optimizer.step()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_blocks_share_their_sum_beyond_four() -> None:
    many = {depth: residuals(SetResNet(RING, [2, 6, 4], depth=depth)) for depth in (4, 16)}
    assert {depth: blocks[0].initial_scale for depth, blocks in many.items()} == {4: None, 16: 0.5}


def test_the_default_start_is_not_the_identity() -> None:
    """The negative control of the start."""
    block = residuals(SetResNet(RING, [2, 6, 4], depth=1, start="default"))[0]
    x = torch.randn(2, 3, 4, 6)
    assert not torch.allclose(block(x), x, atol=1e-2)


def test_gradients_reach_the_first_layer_of_a_deep_network() -> None:
    torch.manual_seed(0)
    sizes = {}
    for depth in (2, 64):
        network = SetResNet(RING, [2, 8, 8], depth=depth, readout=1).double()
        network(sets().double()).sum().backward()
        sizes[depth] = float(network.blocks.layers[0].siamese.weight.grad.norm())
    assert 0.1 < sizes[64] / sizes[2] < 10


@pytest.mark.parametrize("normalization", ["element", "batch", None])
def test_layouts_agree_and_the_network_is_equivariant(normalization: str | None) -> None:
    torch.manual_seed(0)
    network = SetResNet(
        *(RING, [2, 6, 8, 3]), depth=[1, 2], start="default", normalization=normalization
    )
    network = network.double().eval()
    assert equivariance_error(network, network.in_type, network.out_type).max < 1e-12
    x = sets().double()
    padded = network(torch.where(MASK[..., None, None], x, torch.nan), MASK)
    ragged = network(SetBatch.from_list([x[0][MASK[0]], x[1]])).to_list()
    for b in range(2):
        assert torch.allclose(padded[b][MASK[b]], ragged[b], atol=1e-12)
    assert [str(block.in_type) for block in residuals(network)] == [
        f"{n} points" for n in (6, 6, 8)
    ]


@pytest.mark.parametrize(
    ("given", "shape"),
    [({"readout": 5}, (2, 5)), ({"set_pool": "mean"}, (2, 4, 3)), ({}, (2, 3, 4, 3))],
)
def test_ends(given: dict[str, object], shape: tuple[int, ...]) -> None:
    assert SetResNet(RING, [2, 6, 3], depth=1, **given)(sets()).shape == shape


@pytest.mark.parametrize(
    ("features", "options", "error", "message"),
    [
        ([3, 4], {}, FeatureTypeError, "at least three feature types"),
        ("345", {}, FeatureTypeError, "at least three feature types"),
        ([3, 4, 4], {"readout": 2, "set_pool": "mean"}, FeatureTypeError, "one end at most"),
        ([3, 4, 4], {"depth": 0}, OptionError, "depth=0 for 1 hidden"),
        ([3, 4, 4], {"depth": [1, 1]}, OptionError, "for 1 hidden types"),
        ([3, 4, 4], {"start": "one"}, OptionError, "start='one'"),
    ],
)
def test_bad_arguments_get_a_clear_error(
    features: list[int], options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SetResNet(RING, features, **{"depth": 1, **options})


class Perceptron(torch.nn.Module):
    """A map of two layers: with zero weights it would never learn."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(4, 4)
        self.outer = torch.nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.outer(self.inner(x))


class Vectors(ElementSymmetry):
    group = TrivialGroup()

    def feature_type(self, spec):
        return spec if isinstance(spec, InvariantFeatures) else InvariantFeatures(spec)

    def linear(self, in_type, out_type, *, bias=True, **options):
        return Perceptron()


def test_maps_that_zero_weights_would_stop_get_a_scale() -> None:
    torch.manual_seed(0)
    network = SetResNet(Vectors(), [4, 4, 4], depth=1, readout=1, activation="silu")
    (block,) = residuals(network)
    assert block.initial_scale == 0
    x = torch.randn(2, 3, 4)
    assert torch.equal(block(x), x)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        network(x).square().sum().backward()
        optimizer.step()
    assert all(p.grad.abs().sum() > 0 for p in block.parameters())


def test_zero_weights_of_a_spatial_convolution_leave_it_trainable() -> None:
    torch.manual_seed(0)
    network = SetResNet(
        *("spatial", ["points: 2x0e", "points: 4x0e + 2x1o", "points: 3x0e"]), depth=1, radius=2.0
    )
    x, positions = torch.randn(2, 3, 5, 2), torch.randn(5, 3)
    (block,) = residuals(network)
    y = torch.randn(2, 3, 5, 10)
    assert torch.equal(block(y, structure=positions), y)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        network(x, structure=positions).square().sum().backward()
        optimizer.step()
    assert block.scale is None
    without = [name for name, p in network.named_parameters() if not p.grad.abs().sum() > 0]
    assert not without, without


def test_its_read_out_has_the_options_of_the_network() -> None:
    torch.manual_seed(0)
    given = {"depth": 1, "readout": 2, "start": "default"}
    y, scores = SetResNet(RING, [2, 6, 3], **given)(sets(), return_scores=True)
    assert y.shape == (2, 2)
    assert scores.shape == (2, 3, 2)
    each = SetResNet(RING, [2, 6, 3], **given, readout_aggregation="none", readout_element="mean")
    assert each(sets()).shape == (2, 3, 2)
    both = SetResNet(RING, [2, 6, 3], **given, readout_aggregation=("mean", "attention"))
    weights = both(sets(), return_weights=True)[1]
    assert torch.allclose(weights.sum(1), torch.ones(2, 1))
    with pytest.raises(FeatureTypeError, match="SetResNet got return_scores=True"):
        SetResNet(RING, [2, 6, 3], depth=1)(sets(), return_scores=True)


def test_before_a_mean_over_the_set_the_last_layer_has_one_map() -> None:
    """Its differences would cancel, and their map would never learn."""
    network = SetResNet(RING, [2, 6, 3], depth=1, set_pool="mean", start="default")
    network(sets()).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
