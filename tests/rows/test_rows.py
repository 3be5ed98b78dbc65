"""Norms, dropout and gates on rows, against plain formulas."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from eqsets import (
    FeatureType,
    FeatureTypeError,
    GeneratedSymmetry,
    InvariantFeatures,
    element_group,
)
from eqsets.features.direct_sum import DirectSum
from eqsets.groups import OrthogonalGroup
from eqsets.rows import (
    ChannelDropout,
    EachPart,
    EachPartNorm,
    ElementNorm,
    InvariantGate,
    RowNorm,
    pointwise_activation,
)
from eqsets.rows.invariant_part import LinearPart

D = torch.float64
RING = element_group("cyclic", size=4).feature_type(3)
GRID = element_group("grid-rotations", height=2, width=3).feature_type(3)
VECTORS = GeneratedSymmetry(group=OrthogonalGroup(3)).feature_type(2)
SCALARS = InvariantFeatures(5)


def rows(kind: FeatureType, count: int = 6) -> Tensor:
    return kind.sample(count, generator=torch.Generator().manual_seed(0), dtype=D) * 3 + 1


def channels_last(x: Tensor, kind: FeatureType) -> Tensor:
    assert kind.channel_axis is not None
    return x.movedim(kind.channel_axis, -1)


@pytest.mark.parametrize("kind", [RING, GRID, SCALARS], ids=str)
def test_elements_are_normalised_by_themselves(kind: FeatureType) -> None:
    norm = ElementNorm(kind).double()
    with torch.no_grad():
        norm.weight.copy_(torch.arange(1.0, kind.channels + 1))
        assert norm.bias is not None
        norm.bias.copy_(torch.arange(kind.channels))
    x = rows(kind)
    y = channels_last(norm(x), kind)
    for row, element in zip(y, channels_last(x, kind), strict=True):
        centred = (element - element.mean()) / (element.var(unbiased=False) + norm.eps).sqrt()
        assert torch.allclose(row, centred * norm.weight + norm.bias)


def test_vectors_keep_their_direction() -> None:
    norm = ElementNorm(VECTORS).double()
    assert norm.bias is None
    x = rows(VECTORS)
    y = norm(x)
    scale = (x.square().mean((1, 2), keepdim=True) + norm.eps).sqrt()
    assert torch.allclose(y, x / scale)


@pytest.mark.parametrize("kind", [RING, GRID, SCALARS], ids=str)
@pytest.mark.parametrize("masked", [False, True])
def test_batch_statistics_are_torchs_over_present_rows(kind: FeatureType, masked: bool) -> None:
    norm, x = RowNorm(kind).double(), rows(kind, 7)
    plain = nn.BatchNorm1d(kind.channels).double()
    present = torch.tensor([True, True, False, True, True, False, True]) if masked else None
    chosen = x if present is None else x[present]
    flat = channels_last(chosen, kind).reshape(-1, kind.channels)
    expected = plain(flat)
    if present is not None:
        x = torch.where(present.reshape(-1, *[1] * (x.dim() - 1)), x, torch.full_like(x, 1e6))
    y = norm(x, present)
    y = y if present is None else y[present]
    assert torch.allclose(channels_last(y, kind).reshape(-1, kind.channels), expected)
    statistics = plain.state_dict()
    assert torch.allclose(norm.running_mean, statistics["running_mean"])
    assert torch.allclose(norm.running_var, statistics["running_var"])
    norm.eval()
    plain.eval()
    evaluated = channels_last(norm(chosen), kind).reshape(-1, kind.channels)
    assert torch.allclose(evaluated, plain(flat))


@pytest.mark.parametrize("kind", [RING, GRID, VECTORS, SCALARS], ids=str)
def test_dropout_drops_whole_channels_and_keeps_the_mean(kind: FeatureType) -> None:
    torch.manual_seed(0)
    dropout, x = ChannelDropout(kind, 0.25), torch.ones(4000, *map(int, kind.layout))
    y = channels_last(dropout(x), kind).reshape(4000, -1, kind.channels)
    assert torch.equal(y, y[:, :1].expand_as(y))  # one draw for all components of a channel
    dropped = (y[:, 0] == 0).double()
    assert abs(float(dropped.mean()) - 0.25) < 0.02
    assert abs(float(y.mean()) - 1) < 0.02
    assert abs(float(torch.corrcoef(dropped.mT)[0, 1])) < 0.1  # channels are drawn by themselves
    assert dropout.eval()(x) is x


@pytest.mark.parametrize("p", [-0.1, 1.0, "a"])
def test_dropout_of_no_probability(p: float | str) -> None:
    with pytest.raises(FeatureTypeError, match=r"expected a probability in \[0, 1\)"):
        ChannelDropout(RING, p)  # type: ignore[arg-type]


class Lengths(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = 2

    def forward(self, x: Tensor) -> Tensor:
        return x.square().sum(1)


def test_gates_scale_each_channel_by_invariants() -> None:
    gate, x = InvariantGate(VECTORS, Lengths()).double(), rows(VECTORS)
    expected = x * torch.sigmoid(gate.gate(x.square().sum(1)))[:, None]
    assert torch.equal(gate(x), expected)
    read = Lengths()
    read.features = None  # type: ignore[assignment]
    with pytest.raises(FeatureTypeError, match="have features=None, expected their number"):
        InvariantGate(VECTORS, read)


def test_activations_have_the_names_of_torch() -> None:
    assert isinstance(pointwise_activation("leaky-relu"), nn.LeakyReLU)
    with pytest.raises(
        FeatureTypeError, match=r"unknown nonlinearity 'rely': .* Did you mean 'relu'"
    ):
        pointwise_activation("rely")


def test_parts_have_modules_of_their_own() -> None:
    kind = DirectSum((VECTORS, SCALARS))
    x = rows(kind)
    vectors, scalars = kind.split(x)
    y = EachPart(kind, [nn.Identity(), nn.ReLU()])(x)
    assert torch.equal(y, kind.join([vectors, scalars.relu()]))
    present = torch.tensor([True, False, True, True, True, True])
    norms = EachPartNorm(kind, [ElementNorm(VECTORS), RowNorm(SCALARS)]).double()
    expected = [norms.parts[0](vectors), RowNorm(SCALARS).double()(scalars, present)]
    assert torch.equal(norms(x, present), kind.join(expected))


def test_the_invariant_part_of_a_type_without_channels() -> None:
    vectors = torch.linalg.qr(torch.randn(4, 2, dtype=torch.float64))[0]
    part = LinearPart(vectors, vectors.mT, None).double()
    x = torch.randn(3, 4, dtype=torch.float64)
    torch.testing.assert_close(part(x), x @ vectors @ vectors.mT)
