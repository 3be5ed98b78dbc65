"""The blocks around DSS: equivariant or invariant by construction, blind to padding."""

from __future__ import annotations

import pytest
import torch
from torch import nn as tnn

from eqsets import (
    DSS,
    FeatureTypeError,
    GeneratedSymmetry,
    InvariantFeatures,
    SetBatch,
    SetNetwork,
    ShapeError,
    deep_sets,
    element_group,
    equivariance_error,
    nn,
)
from eqsets.groups import OrthogonalGroup

RING = element_group("dihedral", size=5)
GRID = element_group("grid-rotations", height=4, width=4)
ROTATIONS = GeneratedSymmetry(group=OrthogonalGroup(3))
VECTORS = element_group("trivial")

BLOCKS = {
    "element norm": nn.norm(RING, 4),
    "element norm, channels first": nn.norm(GRID, 4),
    "element norm of vectors": nn.norm(ROTATIONS, 4),
    "batch norm": nn.norm(RING, 4, "batch"),
    "batch norm, channels first": nn.norm(GRID, 4, "batch"),
    "relu": nn.nonlinearity(RING, 4),
    "gate": nn.nonlinearity(ROTATIONS, 4),
    "dropout": nn.dropout(GRID, 4, 0.5),
    "invariant": nn.invariant(GRID, 4),
    "invariant of vectors": nn.invariant(ROTATIONS, 4),
    "readout": nn.Readout(RING, 4, 3),
    "readout of the maximum": nn.Readout(ROTATIONS, 4, 3, "max"),
    "set pool": nn.SetPool(GRID, 4),
    "set pool of the maximum": nn.SetPool(GRID, 4, "max"),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_are_equivariant_by_construction(name: str) -> None:
    block = BLOCKS[name].double()
    for parameter in block.parameters():
        tnn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))
    alignments = ["shared"] if isinstance(block, nn.SetPool) else ["shared", "independent"]
    for alignment in alignments:
        report = equivariance_error(block, block.in_type, block.out_type, alignment=alignment)
        assert report.max < 1e-13


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_give_the_same_numbers_padded_and_ragged(name: str) -> None:
    block = BLOCKS[name].double()
    block.train(mode="dropout" not in name)
    generator = torch.Generator().manual_seed(0)
    x = block.in_type.sample(2, 3, generator=generator, dtype=torch.float64)
    mask = torch.tensor([[True, True, True], [True, False, False]])
    x[~mask] = torch.nan
    padded = block(x, mask)
    ragged = block(SetBatch.from_list([x[0], x[1, :1]]))
    if isinstance(ragged, SetBatch):
        assert torch.allclose(padded[mask], ragged.values, atol=1e-12)
        assert not padded[~mask].any()
    else:
        assert torch.allclose(padded, ragged, atol=1e-12)


@pytest.mark.parametrize("symmetry", [RING, GRID], ids=repr)
def test_batch_norm_is_torchs_own_without_a_mask(symmetry) -> None:
    block = nn.norm(symmetry, 4, "batch")
    x = block.in_type.sample(2, 3, generator=torch.Generator().manual_seed(0))
    axis = block.in_type.channel_axis
    rows = x.flatten(0, 1).movedim(axis, 1).flatten(2)
    reference = tnn.BatchNorm1d(4)
    expected = reference(rows)

    got = block(x).flatten(0, 1).movedim(axis, 1).flatten(2)
    assert torch.allclose(got, expected, atol=1e-5)
    full = torch.ones(2, 3, dtype=torch.bool)
    block.module.running_mean.zero_(), block.module.running_var.fill_(1)
    masked = block(x, full).flatten(0, 1).movedim(axis, 1).flatten(2)
    assert torch.allclose(masked, expected, atol=1e-5)
    assert torch.allclose(block.module.running_var, reference.running_var, atol=1e-5)
    assert torch.allclose(block.module.running_mean, reference.running_mean, atol=1e-6)
    assert torch.allclose(
        block.eval()(x).flatten(0, 1).movedim(axis, 1).flatten(2), reference.eval()(rows), atol=1e-5
    )


def test_dropout_drops_whole_channels_of_an_element() -> None:
    block = nn.dropout(GRID, 50, 0.5)
    torch.manual_seed(0)
    y = block(torch.ones(2, 3, 50, 4, 4))
    per_channel = y.flatten(3)
    assert bool((per_channel == per_channel[..., :1]).all())
    assert set(y.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(block.eval()(y), y)


def test_elementwise_wraps_any_torch_module() -> None:
    conv = tnn.Conv2d(3, 8, 3, padding=1)
    x = torch.randn(2, 5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    y = nn.Elementwise(conv)(x)
    assert torch.allclose(y[1, 2], conv(x[1, 2][None])[0], atol=1e-6)
    with pytest.raises(ShapeError, match=r"\(B, N, \*element\), got \(5,\)"):
        nn.Elementwise(conv)(torch.ones(5))


def test_network_shows_its_types_and_is_equivariant() -> None:
    net = SetNetwork(
        GRID, [3, 8, 8], aggregation="mean", normalization="batch", dropout_rate=0.1, readout=2
    ).double()
    assert equivariance_error(net, net.in_type, net.out_type).max < 1e-13
    lines = repr(net).splitlines()
    assert lines[0].startswith("SetNetwork(element_group('grid-rotations', height=4, width=4")
    assert [line.split()[0] for line in lines[1:-1]] == [
        *["DSS", "RowNorm", "ReLU", "ChannelDropout"] * 2,
        "Readout",
    ]
    assert "3 points -> 8 points" in lines[1]
    assert "8 points -> 2 invariants" in lines[-2]


@pytest.mark.parametrize("alignment", ["shared", "independent"])
def test_network_ends(alignment: str) -> None:
    for options, shape in (
        ({}, (2, 3, 5, 6)),
        ({"readout": 4}, (2, 4)),
        ({"set_pool": "max"}, (2, 5, 6)),
    ):
        net = SetNetwork(RING, [2, 4, 6], alignment=alignment, **options).double()
        x = net.in_type.sample(2, 3, generator=torch.Generator().manual_seed(0)).double()
        assert net(x).shape == shape
        shared = {"alignment": "shared"} if "set_pool" in options else {"alignment": alignment}
        assert equivariance_error(net, net.in_type, net.out_type, **shared).max < 1e-13


def test_deep_sets_head_is_the_papers() -> None:
    head = deep_sets([4, 8, 1])
    x = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    first, last = head.blocks.layers[0], head.blocks.layers[2]
    hidden = x @ first.siamese.weight[0] + first.siamese.bias
    hidden = hidden + x.amax(1, keepdim=True) @ first.aggregate.weight[0]
    hidden = tnn.functional.elu(hidden)
    scores = hidden @ last.siamese.weight[0] + last.siamese.bias
    scores = scores + hidden.amax(1, keepdim=True) @ last.aggregate.weight[0]
    assert torch.allclose(head(x), scores, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: nn.SetSequential(DSS(RING, 2, 3), DSS(RING, 4, 2)),
            "'dihedral', size=5.*'3 points'.*expected .*'4 points'",
        ),
        (lambda: nn.SetSequential(), "got no module"),
        (
            lambda: nn.SetSequential(nn.Readout(RING, 2, 3), nn.nonlinearity(VECTORS, 3)),
            "follows Readout, which has reduced the set",
        ),
        (lambda: SetNetwork(RING, [3]), "at least two feature types"),
        (lambda: SetNetwork(RING, [3, 4], readout=1, set_pool="mean"), "one end at most"),
        (lambda: nn.SetPool(RING, 3, "sridhar"), "reduces a set to one element"),
        (lambda: nn.SetPool(ROTATIONS, 3, "max"), "pointwise type"),
        (lambda: nn.norm(ROTATIONS, 3, "batch"), "norm 'batch' is not equivariant"),
        (lambda: nn.norm(RING, 3, "bach"), "norm 'bach'"),
        (lambda: nn.nonlinearity(RING, 3, "rellu"), "Did you mean 'relu'"),
        (lambda: nn.dropout(RING, 3, 1.0), "p=1.0"),
        (lambda: nn.pool(RING, 3, kind="max"), "knows no pooling inside an element"),
    ],
)
def test_what_does_not_fit_fails_at_construction(call, message: str) -> None:
    with pytest.raises(FeatureTypeError, match=message):
        call()


def test_invariants_feed_any_network_on_plain_sets() -> None:
    net = nn.SetSequential(nn.invariant(GRID, 2), DSS("trivial", 8, 1))  # four orbits of pixels
    assert net.out_type == InvariantFeatures(1)
    assert (
        equivariance_error(net.double(), net.in_type, net.out_type, alignment="independent").max
        < 1e-13
    )
