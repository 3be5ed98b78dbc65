"""Products of features: equivariant, of degree two, and complete where that is known."""

from __future__ import annotations

import pytest
import torch

from eqsets import (
    FeatureTypeError,
    GeneratedSymmetry,
    OptionError,
    element_group,
    equivariance_error,
    from_dict,
    nn,
    representations,
    to_dict,
)
from eqsets.groups import Group, OrthogonalGroup, SymmetricGroup, lorentz_group

D = torch.float64


@pytest.mark.parametrize(
    "group",
    [OrthogonalGroup(3), OrthogonalGroup(2, special=True), lorentz_group(), SymmetricGroup(4)],
    ids=str,
)
def test_equivariant_and_of_degree_two(group: Group) -> None:
    torch.manual_seed(0)
    V = representations.defining(group)
    kind = 2 * V + V * V + 3 * representations.scalars(V)
    assert isinstance(V.owner, GeneratedSymmetry)
    layer = nn.bilinear(V.owner, kind, kind, channels=2).double()
    assert equivariance_error(layer, kind, kind).max < 1e-8
    x = kind.sample(2, 3, generator=torch.Generator().manual_seed(1), dtype=D)
    assert torch.allclose(layer(3 * x), 9 * layer(x))
    assert layer(x).abs().max() > 1e-3
    again = from_dict(to_dict(layer)).double()
    again.load_state_dict(layer.state_dict())
    assert torch.equal(again(x), layer(x))


def test_rotations_of_space_have_the_cross_product_alone() -> None:
    torch.manual_seed(0)
    V = representations.defining(OrthogonalGroup(3, special=True))
    layer = nn.bilinear(V.owner, 2 * V, V, channels=1).double()  # type: ignore[arg-type]
    x = (2 * V).sample(5, 1, generator=torch.Generator().manual_seed(1), dtype=D)
    y = layer(x)[:, 0, :, 0]
    cross = torch.linalg.cross(x[:, 0, :, 0], x[:, 0, :, 1])
    ratio = (y * cross).sum(-1, keepdim=True) / cross.square().sum(-1, keepdim=True)
    assert torch.allclose(y, ratio * cross)
    assert torch.allclose(ratio, ratio[0].expand_as(ratio))
    V = representations.defining(OrthogonalGroup(3))
    with pytest.raises(FeatureTypeError, match="no equivariant product"):  # it is a pseudovector
        nn.bilinear(V.owner, 2 * V, V)  # type: ignore[arg-type]


def test_every_weight_learns() -> None:
    V = representations.defining(OrthogonalGroup(3))
    kind = 2 * V + 3 * representations.scalars(V)
    layer = nn.bilinear(V.owner, kind, kind)  # type: ignore[arg-type]
    layer(kind.sample(2, 3)).square().sum().backward()
    assert all(bool(p.grad is not None and p.grad.abs().max() > 0) for p in layer.parameters())


def test_outputs_keep_their_size() -> None:
    torch.manual_seed(0)
    V = representations.defining(OrthogonalGroup(3))
    kind = 8 * V + 16 * representations.scalars(V)
    layer = nn.bilinear(V.owner, kind, kind)  # type: ignore[arg-type]
    y = layer(kind.sample(64, 4, generator=torch.Generator().manual_seed(1)))
    assert 0.3 < float(y.detach().square().mean().sqrt()) < 3


def test_refusals() -> None:
    with pytest.raises(OptionError, match="channels=0"):
        nn.bilinear("trivial", 2, 3, channels=0)
    with pytest.raises(FeatureTypeError, match="free sizes"):
        nn.bilinear(element_group("translations"), 2, 3)
