"""The steerable convolution: held to escnn, to exact quarter turns, and to users' complaints."""

from __future__ import annotations

import copy
import io
import itertools
import pickle

import pytest
import torch
from torch import Tensor, nn

from eqsets import DSS, FeatureTypeError, ShapeError, equivariance_error
from eqsets_planar import Planar, SteerableConv, freeze
from eqsets_planar.steerable import escnn_interface
from eqsets_planar.steerable.filters import polished

EXACT = [Planar(1), Planar(1, True), Planar(2), Planar(2, True), Planar(4), Planar(4, True)]
OTHER = [Planar(3), Planar(6, True), Planar(8), Planar(8, True), Planar(None), Planar(None, True)]


def layer(symmetry: Planar, source: object, target: object, **options: object) -> SteerableConv:
    """Return a layer in float64 with a bias that is not zero."""
    types = symmetry.feature_type(source), symmetry.feature_type(target)
    conv = symmetry.linear(*types, **options).double()
    if conv.bias is not None:
        nn.init.normal_(conv.bias)
    return conv


def error(conv: nn.Module) -> float:
    """Return the relative error under the element group."""
    types = conv.in_type, conv.out_type
    return equivariance_error(conv, *types, samples=3, batch=1, size=2, set_axis=False).element


def mixed(symmetry: Planar) -> str:
    finite = symmetry.rotations is not None
    return "2 trivial + 1 regular" if finite else "2 trivial + 2 irrep(1) + 1 irrep(2)"


@pytest.mark.parametrize("symmetry", EXACT, ids=lambda s: s.points.name)
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 1},
        {"kernel_size": 3},
        {"kernel_size": 5, "stride": 2},
        {"kernel_size": 3, "dilation": 2, "padding_mode": "circular"},
        {"kernel_size": 4, "padding": 0},
        {"kernel_size": 3, "padding_mode": "reflect"},
        {"kernel_size": 3, "padding_mode": "replicate", "stride": 4},
    ],
    ids=str,
)
def test_quarter_turns_and_reflections_are_exact(
    symmetry: Planar, options: dict[str, object]
) -> None:
    assert error(layer(symmetry, mixed(symmetry), mixed(symmetry), **options)) < 3e-15


def test_irreps_and_quotients_are_exact_under_quarter_turns() -> None:
    symmetry = Planar(4, True)
    types = ["irreps + irrep(1,0)", "quotient(2) + quotient(0,1)", "regular + trivial"]
    for source, target in itertools.product(types, types):
        assert error(layer(symmetry, source, target, kernel_size=5)) < 3e-15


@pytest.mark.parametrize("symmetry", OTHER, ids=lambda s: s.points.name)
def test_other_angles_meet_the_declared_bound(symmetry: Planar) -> None:
    for size in (3, 5, 7):
        conv = layer(symmetry, mixed(symmetry), mixed(symmetry), kernel_size=size)
        nn.init.zeros_(conv.bias)  # a bias reaches the border, which only quarter turns keep
        assert error(conv) < symmetry.tolerance
    assert error(layer(symmetry, 2, mixed(symmetry), padding_mode="replicate")) < 0.05


@pytest.mark.parametrize("symmetry", OTHER, ids=lambda s: s.points.name)
def test_exact_elements_of_other_groups_are_exact(symmetry: Planar) -> None:
    conv = layer(symmetry, mixed(symmetry), mixed(symmetry), kernel_size=5)
    x = torch.randn(2, conv.in_type.size, 9, 9, dtype=torch.float64)
    for g in symmetry.points.exact_elements():
        with torch.no_grad():
            moved, y = conv(conv.in_type.transform(g, x)), conv.out_type.transform(g, conv(x))
        assert float((moved - y).norm() / y.norm()) < 3e-15


@pytest.mark.parametrize("symmetry", [Planar(8), Planar(4, True), Planar(None)], ids=str)
def test_layer_is_that_of_escnn(symmetry: Planar) -> None:
    conv = symmetry.linear(
        symmetry.feature_type("2 trivial"), symmetry.feature_type(mixed(symmetry)), kernel_size=5
    )
    _, escnn = escnn_interface.load()
    space = escnn_interface._space(symmetry.points, 4)
    types = [
        [
            escnn_interface._representation(space, symmetry.points, r)
            for n, r in fields.blocks
            for _ in range(n)
        ]
        for fields in (conv.in_type, conv.out_type)
    ]
    fields = [escnn.FieldType(space, reps) for reps in types]
    theirs = escnn.R2Conv(*fields, 5, padding=2, bias=False, initialize=False)
    ours = {}
    for row, (_, target) in enumerate(conv.out_type.blocks):
        for column, (_, source) in enumerate(conv.in_type.blocks):
            raw = escnn_interface.filter_basis(symmetry.points, source, target, 5, 1, None)
            ours[row, column] = raw.flatten(1).norm(dim=1)
    x = torch.randn(3, 2, 9, 6)
    span = []
    for position in range(theirs.weights.numel()):
        with torch.no_grad():
            theirs.weights.zero_()
            theirs.weights[position] = 1.0
            span.append(theirs(escnn.GeometricTensor(x, fields[0])).tensor.flatten())
    weights = [p for name, p in conv.named_parameters() if name.startswith("weight")]
    assert sum(w.numel() for w in weights) == theirs.weights.numel()
    with torch.no_grad():
        y = (conv(x) - conv.expanded_bias()[:, None, None]).flatten()
    fit = torch.linalg.lstsq(torch.stack(span, 1).double(), y[:, None].double())
    gap = torch.stack(span, 1).double() @ fit.solution - y[:, None]
    assert float(gap.norm() / y.norm()) < 1e-5, "our layers are exactly those of escnn"


def test_filters_are_independent_and_of_unit_length() -> None:
    symmetry = Planar(8)
    regular = symmetry.feature_type("regular").blocks[0][1]
    options = symmetry.linear(symmetry.feature_type(1), symmetry.feature_type(1)).options
    basis = symmetry.filters(regular, regular, options)
    assert basis is symmetry.filters(regular, regular, options)
    torch.testing.assert_close(basis.flatten(1).norm(dim=1), torch.ones(len(basis)).double())
    assert int(torch.linalg.matrix_rank(basis.flatten(1))) == len(basis) == 48
    assert torch.allclose(polished(basis, symmetry.points, regular, regular), basis, atol=1e-15)


@pytest.mark.parametrize("symmetry", [Planar(4), Planar(4, True)], ids=lambda s: s.points.name)
@pytest.mark.parametrize("size", [3, 5])
def test_high_cutoff_reaches_every_equivariant_filter(symmetry: Planar, size: int) -> None:
    conv = layer(symmetry, "1 regular", "1 regular", kernel_size=size, frequencies_cutoff=4.0)
    filters = conv.constants.get("filters_0", conv.weight_0_0).flatten(1)
    order = symmetry.group.order
    assert order is not None
    assert len(filters) == int(torch.linalg.matrix_rank(filters)) == size**2 * order
    assert error(conv) < 1e-14


def test_bias_is_on_invariant_vectors_only() -> None:
    conv = layer(Planar(4), 1, "2 regular + 3 irrep(1) + 1 trivial")
    assert conv.bias.shape == (3,)
    channels = conv.expanded_bias()
    assert torch.equal(channels[8:14], torch.zeros(6).double())
    assert torch.equal(channels[:4], conv.bias[:1].expand(4))
    assert layer(Planar(4), 1, "3 irrep(1)").bias is None


def test_white_noise_keeps_its_size() -> None:
    torch.manual_seed(0)
    conv = Planar(8).linear(
        Planar(8).feature_type("8 regular + 4"), Planar(8).feature_type("16 regular"), kernel_size=5
    )
    with torch.no_grad():
        y = conv(torch.randn(4, conv.in_type.size, 32, 32))[..., 4:-4, 4:-4]
    assert 0.8 < float(y.std()) < 1.25


def test_state_dict_has_the_same_keys_in_train_and_eval() -> None:
    conv = layer(Planar(8), 3, "2 regular")
    before = conv.state_dict()
    keys = list(before)
    assert keys == ["weight_0_0", "bias"]
    conv.eval()
    with torch.no_grad():
        conv(torch.randn(1, 3, 9, 9).double())
    assert list(conv.state_dict()) == keys
    file = io.BytesIO()
    torch.save(conv.state_dict(), file)
    file.seek(0)
    other = layer(Planar(8), 3, "2 regular")
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other.expand(), conv.expand())


def test_layer_pickles_and_copies() -> None:
    conv = layer(Planar(8, True), "1 trivial", "1 regular + 2 irrep(1)").eval()
    x = torch.randn(2, 1, 7, 7, dtype=torch.float64)
    with torch.no_grad():
        y = conv(x)
        for other in (copy.deepcopy(conv), pickle.loads(pickle.dumps(conv))):
            assert torch.equal(other(x), y)
            assert other.in_type == conv.in_type
    assert pickle.loads(pickle.dumps(Planar(8, True))) == Planar(8, True)
    assert "escnn" not in str(pickle.dumps(conv)).replace("eqsets", "")


def test_meta_device_and_back() -> None:
    with torch.device("meta"):
        conv = Planar(4).linear(Planar(4).feature_type(1), Planar(4).feature_type("1 regular"))
    conv = conv.to_empty(device="cpu")
    conv.reset_parameters()
    assert float(conv(torch.randn(1, 1, 5, 5)).abs().sum().detach()) > 0


def test_default_dtype_is_left_alone() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        conv = Planar(6).linear(Planar(6).feature_type(1), Planar(6).feature_type("1 regular"))
        assert torch.get_default_dtype() == conv.weight_0_0.dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_plain_convolution_to_deploy() -> None:
    conv = layer(Planar(4), 3, "2 regular", kernel_size=5, stride=2, padding_mode="reflect")
    x = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    plain = conv.as_conv2d()
    assert type(plain) is nn.Conv2d
    torch.testing.assert_close(plain(x), conv(x))


@pytest.mark.parametrize(
    ("size", "options", "match"),
    [
        (8, {"stride": 2}, "Expected sides such as 7 or 9"),
        (3, {"kernel_size": 5, "padding": 0}, "sides of at least 5"),
    ],
)
def test_sizes_that_break_exactness_are_refused(
    size: int, options: dict[str, object], match: str
) -> None:
    conv = layer(Planar(4), 1, "1 regular", **options)
    x = torch.randn(1, 1, size, size, dtype=torch.float64)
    with pytest.raises(ShapeError, match=match):
        conv(x)


def test_exactness_rule_is_sharp() -> None:
    for size, kernel, stride, padding in itertools.product((7, 8, 9), (2, 3, 4), (1, 2, 3), (0, 1)):
        if kernel == 2:
            continue  # escnn has no filters of two pixels
        options = {"kernel_size": kernel, "stride": stride, "padding": padding}
        free = layer(Planar(4), 1, "1 regular", exact=False, **options)
        strict = layer(Planar(4), 1, "1 regular", **options)
        x = torch.randn(1, 1, size, size, dtype=torch.float64)
        g = torch.tensor(1)
        with torch.no_grad():
            y, moved = free.out_type.transform(g, free(x)), free(free.in_type.transform(g, x))
        broken = float((y - moved).norm() / y.norm()) > 1e-3
        try:
            strict(x)
        except ShapeError:
            assert broken
        else:
            assert not broken


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"kernel_size": 4}, "centre between pixels"),
        ({"kernel_size": 0}, "kernel_size=0"),
        ({"kernel_size": (3, 3)}, "both axes of an image have the same"),
        ({"kernel_size": 2, "padding": 0}, "no steerable filter of size 2"),
        ({"stride": 1.5}, r"stride=1\.5"),
        ({"frequencies_cutoff": -1.0}, "expected a positive number"),
        ({"padding": -1}, "padding=-1"),
        ({"padding_mode": "zero"}, "Did you mean 'zeros'"),
        ({"kernel": 3}, "Did you mean 'kernel_size'"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], match: str) -> None:
    with pytest.raises(FeatureTypeError, match=match):
        layer(Planar(4), 1, "1 regular", **options)


def test_wrong_channels_are_refused() -> None:
    with pytest.raises(ShapeError, match="4 instead of 3 on axis 1"):
        layer(Planar(4), 3, "1 regular")(torch.zeros(1, 4, 9, 9, dtype=torch.float64))


def test_images_need_not_be_square() -> None:
    conv = layer(Planar(4), 1, "2 trivial")
    x: Tensor = torch.randn(1, 1, 6, 9, dtype=torch.float64)
    turned = conv(torch.rot90(x, 1, (-2, -1)))
    torch.testing.assert_close(turned, torch.rot90(conv(x), 1, (-2, -1)))


@pytest.mark.parametrize("spec", ["4 regular", "4 regular + 2 irrep(1) + 2 induced(2,1)"])
def test_groups_of_fields_see_only_their_own(spec: str) -> None:
    torch.manual_seed(0)
    planar = Planar(4, True)
    fields = planar.feature_type(spec)
    conv = planar.linear(fields, fields, groups=2).double()
    half = fields.with_channels(fields.channels // 2)
    x = torch.randn(2, fields.size, 9, 9, dtype=torch.float64)
    first = [part[:, : part.shape[1] // 2] for part in fields.split(x)]
    other = torch.randn_like(x)
    mixed = [
        torch.cat([mine, theirs[:, theirs.shape[1] // 2 :]], 1)
        for mine, theirs in zip(first, fields.split(other), strict=True)
    ]
    y, z = conv(x), conv(fields.join(mixed))
    for a, b in zip(fields.split(y), fields.split(z), strict=True):
        torch.testing.assert_close(a[:, : a.shape[1] // 2], b[:, : b.shape[1] // 2])
        assert not torch.allclose(a[:, a.shape[1] // 2 :], b[:, b.shape[1] // 2 :])
    full = planar.linear(half, half)
    assert sum(w.numel() for w in conv.parameters()) == 2 * sum(
        w.numel() for w in full.parameters()
    )
    torch.testing.assert_close(conv.as_conv2d()(x), y)
    torch.testing.assert_close(freeze(conv)(x), y)


def test_groups_that_do_not_divide_the_fields() -> None:
    with pytest.raises(FeatureTypeError, match=r"groups=2 got 3 trivial .* that 2 divides"):
        DSS(Planar(4), 3, "2 regular", groups=2)
    with pytest.raises(FeatureTypeError, match="groups=0"):
        DSS(Planar(4), 4, "2 regular", groups=0)
