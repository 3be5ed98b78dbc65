"""Residual blocks: the sum written out by hand, in every layout, and what does not fit."""

from __future__ import annotations

import pytest
import torch

from eqsets import (
    DSS,
    FeatureTypeError,
    OptionError,
    SetBatch,
    element_group,
    equivariance_error,
    from_dict,
    nn,
    to_dict,
)

RING = element_group("cyclic", size=4)
MASK = torch.tensor([[True, False, True], [True, True, True]])


def sets() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, 4, 2, generator=generator, dtype=torch.float64)


def blocks() -> dict[str, nn.Residual]:
    torch.manual_seed(0)
    same = nn.SetSequential(nn.nonlinearity(RING, 2), DSS(RING, 2, 2))
    return {
        "identity": nn.Residual(same),
        "scale": nn.Residual(DSS(RING, 2, 2), scale=0.5),
        "shortcut": nn.Residual(DSS(RING, 2, 3), DSS(RING, 2, 3, aggregation="none")),
    }


@pytest.mark.parametrize("name", ["identity", "scale", "shortcut"])
def test_a_residual_block_is_the_sum_by_hand_in_every_layout(name: str) -> None:
    block = blocks()[name].double()
    x = sets()
    scale = 0.5 if name == "scale" else 1.0
    padded_x = torch.where(MASK[..., None, None], x, torch.nan)
    padded = block(padded_x, MASK)
    ragged = block(SetBatch.from_list([x[0][MASK[0]], x[1]]))
    for b in range(2):
        members = x[b][MASK[b]][None]
        base = members if block.shortcut is None else block.shortcut(members)
        expected = (base + scale * block.block(members))[0]
        assert torch.allclose(padded[b][MASK[b]], expected, atol=1e-12)
        assert torch.allclose(ragged.to_list()[b], expected, atol=1e-12)
        assert not padded[b][~MASK[b]].any()
    assert equivariance_error(block, block.in_type, block.out_type).max < 1e-13


def test_a_scale_of_zero_starts_as_the_identity_and_learns() -> None:
    block = nn.Residual(DSS(RING, 2, 2), scale=0.0).double()
    assert torch.equal(block(sets()), sets())
    (block(sets()) ** 3).sum().backward()
    assert block.scale.grad.abs() > 0


@pytest.mark.parametrize("name", ["identity", "scale", "shortcut"])
def test_a_residual_block_is_described_with_its_parts(name: str) -> None:
    block = blocks()[name]
    again = from_dict(to_dict(block))
    assert repr(again) == repr(block)
    again.load_state_dict(block.state_dict())
    assert torch.equal(again(sets().float()), block(sets().float()))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(FeatureTypeError, match="without a shortcut"):
        nn.Residual(DSS(RING, 2, 3))
    with pytest.raises(FeatureTypeError, match="out_type of the shortcut"):
        nn.Residual(DSS(RING, 2, 3), DSS(RING, 2, 4))
    with pytest.raises(FeatureTypeError, match="in_type of the shortcut"):
        nn.Residual(DSS(RING, 2, 3), DSS(RING, 1, 3))
    with pytest.raises(FeatureTypeError, match="reduces the set"):
        nn.Residual(nn.SetPool(RING, 2))
    with pytest.raises(OptionError, match="scale='big'"):
        nn.Residual(DSS(RING, 2, 2), scale="big")
