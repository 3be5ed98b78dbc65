"""Norms, nonlinearities, pooling, read-outs and restriction: equivariant, and as documented."""

from __future__ import annotations

import copy
import pickle
from math import ceil

import pytest
import torch
from torch import Tensor, nn

from eqsets import FeatureType, FeatureTypeError, InvariantFeatures, equivariance_error
from eqsets_planar import Planar
from eqsets_planar.fields.features import PlanarFields

D4, C8, O2 = Planar(4, True), Planar(8), Planar(None, True)
MIXED = "2 trivial + 1 regular + 2 irrep(1,1) + 1 quotient(0,2) + 1 irrep(1,0)"


def build(kind: str, symmetry: Planar, fields: PlanarFields) -> tuple[nn.Module, FeatureType]:
    """Return a module of one kind with random weights, and its output type."""
    makers = {
        "norm": lambda: symmetry.norm(fields),
        "batch norm": lambda: symmetry.norm(fields, "batch"),
        "silu": lambda: symmetry.nonlinearity(fields, "silu"),
        "norm threshold": lambda: symmetry.nonlinearity(fields, "norm"),
        "average": lambda: symmetry.pool(fields),
        "average 3": lambda: symmetry.pool(fields, stride=3),
        "group": lambda: symmetry.pool(fields, kind="group"),
        "invariant": lambda: symmetry.invariant(fields),
        "max": lambda: symmetry.pool(fields, kind="max"),
    }
    module = makers[kind]().double()
    for parameter in module.parameters() if kind != "norm threshold" else ():
        nn.init.normal_(parameter)  # a threshold above the features would change no noise
    if kind == "invariant":
        return module, InvariantFeatures(module.features)
    return module, getattr(module, "out_type", fields)


KINDS = [
    "norm",
    "batch norm",
    "silu",
    "norm threshold",
    "average",
    "average 3",
    "group",
    "invariant",
]


def error(symmetry: Planar, kind: str, spec: str) -> float:
    fields = symmetry.feature_type(spec)
    module, out_type = build(kind, symmetry, fields)
    return equivariance_error(
        module, fields, out_type, samples=3, batch=1, size=3, set_axis=False
    ).max


@pytest.mark.parametrize("kind", KINDS)
def test_exact_under_quarter_turns(kind: str) -> None:
    assert error(D4, kind, MIXED) < 3e-15


@pytest.mark.parametrize("grid", [6, 7, 8])
def test_pooling_is_exact_for_every_size(grid: int) -> None:
    for stride in (1, 2, 3, 4):
        fields = Planar(4, True, grid=grid).feature_type("1 regular")
        for kind in ("average", "max"):
            module = D4.pool(fields, kind=kind, stride=stride).double()
            report = equivariance_error(module, fields, fields, samples=2, set_axis=False)
            assert report.element < 1e-15
            assert module(fields.sample(1).double()).shape[-1] == -(-grid // stride)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("symmetry", "spec"), [(C8, "1 regular + 1 irrep(1)"), (O2, "2 irreps(2)")]
)
def test_other_angles_meet_the_declared_bound(kind: str, symmetry: Planar, spec: str) -> None:
    assert error(symmetry, kind, spec) < symmetry.tolerance


def test_max_pooling_is_coarser_between_quarter_turns() -> None:
    assert error(D4, "max", "2 regular") < 1e-15
    assert error(C8, "max", "1 regular") < 0.1


@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("size", [18, 19, 20])
def test_the_blur_is_a_gaussian_of_half_a_stride(size: int, stride: int) -> None:
    pool = D4.pool(D4.feature_type(1), stride=stride).double()
    x = torch.randn(1, 1, size, size, dtype=torch.float64)
    trimmed = (size - 1) % stride + 1
    centres = [(trimmed - 1) / 2 + stride * k for k in range(-(-size // stride))]
    distance = torch.arange(size) - torch.tensor(centres, dtype=torch.float64)[:, None]
    weights = torch.exp(-2 * (distance / stride).square())
    weights[distance.abs() > ceil(1.5 * stride) + 0.5] = 0  # beyond the last tap
    weights = weights / weights.sum(1, keepdim=True)
    inner = slice(2, -2)  # the border is replicated
    expected = (weights @ x[0, 0] @ weights.T)[inner, inner]
    torch.testing.assert_close(pool(x)[0, 0, inner, inner], expected)


def test_pooling_keeps_constants() -> None:
    x = torch.full((1, 2, 7, 8), 3.0)
    for kind in ("average", "max"):
        y = D4.pool(D4.feature_type(2), kind=kind)(x)
        torch.testing.assert_close(y, torch.full((1, 2, 4, 4), 3.0))


def test_group_pooling_reads_one_scalar_of_each_field() -> None:
    fields = D4.feature_type(MIXED)
    module = D4.pool(fields, kind="group")
    x = fields.sample(2)
    y = module(x)
    assert str(module.out_type) == "7 trivial"
    torch.testing.assert_close(y[:, 2], x[:, 2:10].amax(1))
    torch.testing.assert_close(y[:, 3], x[:, 10:12].norm(dim=1))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"kind": "maximum"}, "Did you mean 'max'"),
        ({"kind": "max"}, "max pooling compares component by component"),
        ({"kind": "group", "stride": 2}, "Leave stride out"),
        ({"stride": 0}, "stride=0"),
    ],
)
def test_bad_pooling_is_refused(options: dict[str, object], match: str) -> None:
    with pytest.raises(FeatureTypeError, match=match):
        D4.pool(D4.feature_type(MIXED), **options)


def test_batch_norm_ignores_absent_rows_and_keeps_statistics() -> None:
    fields = D4.feature_type(MIXED)
    x = fields.sample(6, dtype=torch.float64)
    module = D4.norm(fields, "batch").double()
    present = torch.tensor([True, True, False, True, True, False])
    poisoned = torch.where(present[:, None, None, None], x, 1e6)
    alone = copy.deepcopy(module)
    torch.testing.assert_close(module(poisoned, present)[present], alone(x[present]))
    torch.testing.assert_close(module.running_var, alone.running_var)
    assert float(module.running_mean[3:5].abs().max()) == 0.0, "irreps have no mean"
    plain = nn.BatchNorm2d(2).double()
    scalars = D4.feature_type(2)
    ours = D4.norm(scalars, "batch").double()
    torch.testing.assert_close(ours(x[:, :2]), plain(x[:, :2]))
    torch.testing.assert_close(ours.running_var, plain.running_var)
    torch.testing.assert_close(ours.eval()(x[:, :2]), plain.eval()(x[:, :2]))


def test_element_norm_leaves_every_bias_before_it_alive() -> None:
    for spec in ("1 regular", "1", "2 regular + 1 trivial", "1 regular + 1 irrep(1)"):
        conv = D4.linear(D4.feature_type(2), D4.feature_type(spec)).double()
        norm = D4.norm(D4.feature_type(spec)).double()
        nn.init.normal_(norm.weight)
        x = conv.in_type.sample(3, dtype=torch.float64)
        norm(conv(x)).pow(3).sum().backward()
        assert float(conv.bias.grad.abs().min()) > 1e-6, spec


def test_element_norm_brings_fields_to_unit_size() -> None:
    fields = D4.feature_type("4 regular + 3 trivial + 2 irrep(1)")
    y = D4.norm(fields)(100 * fields.sample(5) + 3)
    pointwise = torch.cat([part.flatten(1) for part in fields.split(y)[:2]], 1)
    torch.testing.assert_close(pointwise.mean(1), torch.zeros(5), rtol=0, atol=1e-5)
    torch.testing.assert_close(pointwise.square().mean(1), torch.ones(5), rtol=0, atol=1e-3)
    vectors = fields.split(y)[2]
    torch.testing.assert_close(vectors.square().mean((1, 2, 3, 4)), torch.ones(5))


def test_dropout_drops_whole_fields() -> None:
    fields = D4.feature_type("4 regular + 4 irrep(1)")
    module = D4.dropout(fields, 0.5)
    y = module(torch.ones(64, fields.size, 3, 3))
    for part in fields.split(y):
        per_field = part.flatten(2)
        assert torch.equal(per_field.amin(-1), per_field.amax(-1))
    assert set(y.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(module.eval()(y), y)
    with pytest.raises(FeatureTypeError, match=r"p=1\.5"):
        D4.dropout(fields, 1.5)


def test_embedding_writes_what_the_group_leaves_alone() -> None:
    fields = D4.feature_type(MIXED)
    module = D4.embed(5, fields)
    y = module(torch.randn(2, 5), like=fields.sample(2)).expand(2, fields.size, 9, 9)
    for g in D4.group.elements():
        torch.testing.assert_close(fields.transform(g, y), y)
    with pytest.raises(FeatureTypeError, match="add trivial fields"):
        D4.embed(5, D4.feature_type("3 irrep(1)"))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(FeatureTypeError, match="Did you mean 'relu'"):
        D4.nonlinearity(D4.feature_type(MIXED), "rleu")
    with pytest.raises(FeatureTypeError, match="Did you mean 'batch'"):
        D4.norm(D4.feature_type(MIXED), "bacth")


def embedded(g: Tensor, big: Planar, small: Planar) -> Tensor:
    """Return elements of the subgroup as elements of the group."""
    pose = small.points.pose(g)
    if big.rotations is None:
        angle = pose.turn * 2 * torch.pi
        cos, sin = angle.cos(), angle.sin()
        turn = torch.stack([cos, -sin, sin, cos], -1).reshape(-1, 2, 2)
        mirror = torch.diag(torch.tensor([-1.0, 1.0], dtype=torch.float64))
        return torch.where(pose.flip[:, None, None], turn @ mirror, turn)
    step = (pose.turn * big.rotations).round().long()
    return torch.stack([step, pose.flip.long()], -1) if big.reflections else step


@pytest.mark.parametrize(
    ("big", "spec", "small"),
    [
        (Planar(8), "2 regular + 1 irreps + quotient(2) + quotient(4)", Planar(4)),
        (Planar(8), "2 regular + 1 irreps + quotient(2)", Planar(2)),
        (Planar(8), "1 regular + 2 irreps", Planar(1)),
        (Planar(8, True), "1 regular + 1 irreps + irrep(1,0)", Planar(4, True)),
        (Planar(8, True), "quotient(2) + quotient(3,2) + quotient(1,1)", Planar(4, True)),
        (Planar(8, True), "1 regular + 1 irreps + quotient(1,2)", Planar(8)),
        (Planar(4, True), "1 regular + 1 irreps + quotient(1,2)", Planar(1, True)),
        (Planar(6, True), "1 regular + 1 irreps + quotient(1,3)", Planar(2, True)),
        (Planar(None), "2 irreps(3)", Planar(4)),
        (Planar(None), "2 irreps(3)", Planar(3)),
        (Planar(None, True), "2 irreps(3) + irrep(1,0)", Planar(4, True)),
        (Planar(None, True), "2 irreps(3) + irrep(1,0)", Planar(6)),
        (Planar(None, True), "2 irreps(3) + irrep(1,0)", Planar(None)),
    ],
    ids=lambda value: getattr(getattr(value, "points", value), "name", None),
)
def test_restriction_commutes_with_the_subgroup(big: Planar, spec: str, small: Planar) -> None:
    fields = big.feature_type(spec)
    module = big.restrict(fields, rotations=small.rotations, reflections=small.reflections)
    assert module.out_type.points == small.points
    assert small.feature_type(str(module.out_type)) == module.out_type
    g = small.group.sample(8, generator=torch.Generator().manual_seed(0))
    x = torch.randn(8, fields.size, 1, 1, dtype=torch.float64)
    moved = module(fields.transform(embedded(g, big, small), x))
    torch.testing.assert_close(module.out_type.transform(g, module(x)), moved)
    torch.testing.assert_close(module(x).norm(), x.norm())
    assert torch.equal(pickle.loads(pickle.dumps(module))(x), module(x))


def test_restriction_to_what_is_no_subgroup_is_refused() -> None:
    with pytest.raises(FeatureTypeError, match="C3 is no subgroup of C8"):
        Planar(8).restrict(Planar(8).feature_type("1 regular"), rotations=3)
    with pytest.raises(FeatureTypeError, match="D4 is no subgroup of C8"):
        Planar(8).restrict(Planar(8).feature_type("1 regular"), rotations=4, reflections=True)


@pytest.mark.parametrize("size", [(27, 32), (28, 30), (31, 29)])
@pytest.mark.parametrize("stride", [2, 3])
def test_pooled_pixels_lie_where_they_are_said_to(size: tuple[int, int], stride: int) -> None:
    """A ramp is pooled to a ramp whose pixels lie evenly about the centre of the image."""
    symmetry = Planar(2, reflections=True)
    pool = symmetry.pool(symmetry.feature_type(2), stride=stride).double()
    down, right = (torch.arange(float(length)).double() - (length - 1) / 2 for length in size)
    ramps = torch.stack([down[:, None].expand(size), right.expand(size)])[None]
    pooled = pool(ramps)[0]
    counts = [-(-length // stride) for length in size]
    assert pooled.shape == (2, *counts)
    for axis, count in enumerate(counts):
        expected = stride * (torch.arange(float(count)).double() - (count - 1) / 2)
        inner = pooled[axis, 3:-3, 3:-3]  # without the border, which is continued
        shape = (-1, 1) if axis == 0 else (1, -1)
        torch.testing.assert_close(inner, expected[3:-3].reshape(shape).expand_as(inner))


@pytest.mark.parametrize("size", [(9, 6), (8, 11)])
def test_max_pooling_takes_the_maximum_over_a_window_first(size: tuple[int, int]) -> None:
    symmetry = Planar(2)
    features = symmetry.feature_type(1)
    x = torch.randn(1, 1, *size, generator=torch.Generator().manual_seed(0)).double()
    rows, columns = size
    largest = torch.zeros_like(x)
    for row in range(rows):
        for column in range(columns):
            window = x[..., max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            largest[..., row, column] = window.amax((-2, -1))
    maximum, average = (symmetry.pool(features, kind=kind).double() for kind in ("max", "average"))
    torch.testing.assert_close(maximum(x), average(largest))
