"""DSS: its formula term by term, its completeness by known counts, one meaning in all layouts."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor

import eqsets
from eqsets import (
    DSS,
    FeatureTypeError,
    GeneratedSymmetry,
    PluginError,
    SetBatch,
    ShapeError,
    element_group,
    equivariance_error,
)
from eqsets.groups import OrthogonalGroup

SYMMETRIES = {
    "trivial": element_group("trivial"),
    "cyclic": element_group("cyclic", size=4),
    "dihedral": element_group("dihedral", size=5),
    "symmetric": element_group("symmetric", size=4),
    "grid": element_group("grid-rotations", height=3, width=3, reflections=True),
    "several orbits": GeneratedSymmetry(permutations=[[1, 0, 2, 3]]),
}
AGGREGATIONS = ["sum", "mean", "max", "centered", "gated-centered", "none", "sridhar", "aittala"]
ALIGNMENTS = ["shared", "independent"]


def layer_of(name: str, aggregation: str, alignment: str) -> DSS:
    torch.manual_seed(0)
    return DSS(SYMMETRIES[name], 2, 4, aggregation=aggregation, alignment=alignment).double()


def sets_of(layer: DSS, batch: int = 2, size: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return layer.in_type.sample(batch, size, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("name", SYMMETRIES)
def test_layer_is_equivariant(name: str, aggregation: str, alignment: str) -> None:
    layer = layer_of(name, aggregation, alignment)
    assert equivariance_error(layer, layer.in_type, layer.out_type).max < 1e-13


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("name", SYMMETRIES)
def test_layer_is_the_formula_written_out(name: str, aggregation: str) -> None:
    layer = layer_of(name, aggregation, "shared")
    x = sets_of(layer)
    own, context = layer.siamese, layer.aggregate
    for members, mapped in zip(x, layer(x), strict=True):
        a = [own(member[None])[0] for member in members]
        for i, got in enumerate(mapped):
            if aggregation == "none":
                expected = a[i]
            elif aggregation == "centered":
                mean = members.mean(0)
                expected = own((members[i] - mean)[None])[0] + context(mean[None])[0]
            elif aggregation == "gated-centered":
                mean = members.mean(0)[None]
                shared = (context(mean) - own(mean))[0]
                expected = a[i] + layer.context.gate * shared
            elif aggregation == "sridhar":
                expected = a[i] - sum(a) / len(a)
            elif aggregation == "aittala":
                highest = torch.stack(a).amax(0)
                expected = torch.cat([a[i], highest], layer.out_type.channel_axis)
            else:
                pooled = {
                    "sum": members.sum(0),
                    "mean": members.mean(0),
                    "max": members.amax(0),
                }[aggregation]
                expected = a[i] + context(pooled[None])[0]
            assert torch.allclose(got, expected, atol=1e-12)


def span(layer: DSS) -> int:
    """Return the dimension of the linear maps that the layer's weights reach."""
    probe = torch.eye(layer.in_type.sample(3).numel(), dtype=torch.float64)
    probe = probe.reshape(-1, *layer.in_type.sample(3).shape)
    columns = []
    for parameter in layer.parameters():
        for entry in range(parameter.numel()):
            with torch.no_grad():
                for other in layer.parameters():
                    other.zero_()
                parameter.view(-1)[entry] = 1
                columns.append(layer(probe).flatten())
    return int(torch.linalg.matrix_rank(torch.stack(columns)))


@pytest.mark.parametrize(
    ("generators", "shared", "independent"),
    [
        ([[1, 2, 3, 0]], 8, 5),  # C_4
        ([[1, 0, 2, 3], [1, 2, 3, 0]], 4, 3),  # S_4
        ([[1, 0, 2, 3]], 20, 19),  # one swap on 4 coordinates: E = 10, three orbits
        ([[0, 1, 2]], 18, 18),  # no symmetry: DeepSets on R^3
    ],
)
def test_layer_is_complete_as_theory_counts(generators, shared: int, independent: int) -> None:
    """Dimensions of all S_3 x H and H wr S_3 equivariant maps: 2 E(H), and E(H) + (orbits)^2."""
    symmetry = GeneratedSymmetry(permutations=generators)
    for alignment, expected in (("shared", shared), ("independent", independent)):
        layer = DSS(symmetry, 1, 1, alignment=alignment, bias=False).double()
        assert span(layer) == expected


def test_trivial_group_is_deep_sets() -> None:
    layer = DSS("trivial", 3, 5, aggregation="sum")
    x = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    own, context = layer.siamese.weight[0], layer.aggregate.weight[0]
    assert torch.allclose(layer(x), x @ own + x.sum(1, keepdim=True) @ context + layer.siamese.bias)


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("name", SYMMETRIES)
def test_dense_padded_and_ragged_give_the_same_numbers(
    name: str, aggregation: str, alignment: str
) -> None:
    layer = layer_of(name, aggregation, alignment)
    x = sets_of(layer, 3, 4)
    mask = torch.tensor([[1, 1, 0, 1], [0, 0, 1, 0], [1, 1, 1, 1]], dtype=torch.bool)
    hole = mask.reshape(3, 4, *[1] * (x.dim() - 2))
    padded = layer(torch.where(hole, x, torch.nan), mask)
    ragged = layer(SetBatch.from_list([x[i][mask[i]] for i in range(3)]))

    assert torch.equal(padded * ~hole, torch.zeros_like(padded))
    for i, members in enumerate(ragged.to_list()):
        alone = layer(x[i][mask[i]][None])[0]
        assert torch.allclose(members, alone, atol=1e-12)
        assert torch.allclose(padded[i][mask[i]], alone, atol=1e-12)


def test_nan_in_padding_reaches_no_gradient() -> None:
    for aggregation in AGGREGATIONS:
        layer = layer_of("cyclic", aggregation, "shared")
        x = sets_of(layer)
        mask = torch.tensor([[True, True, False, False], [True, True, True, False]])
        x[~mask] = torch.nan
        x.requires_grad_()
        layer(x, mask).square().sum().backward()
        assert torch.isfinite(x.grad).all()
        assert all(torch.isfinite(p.grad).all() for p in layer.parameters())


def test_rows_of_a_ragged_batch_may_come_in_any_order() -> None:
    layer = layer_of("dihedral", "max", "shared")
    batch = SetBatch.from_list(list(sets_of(layer, 3, 4)))
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    shuffled = SetBatch(batch.values[order], batch.index[order], 3)
    assert torch.allclose(layer(shuffled).values, layer(batch).values[order])


def test_context_runs_once_a_set() -> None:
    layer = layer_of("cyclic", "sum", "shared")
    seen = []
    layer.aggregate.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[0]))
    layer(sets_of(layer, 2, 9))
    assert seen == [2]


@pytest.mark.slow
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_compiled_layer_survives_changing_set_sizes(aggregation: str) -> None:
    torch.compiler.reset()
    layer = layer_of("dihedral", aggregation, "shared")
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    for size in (1, 3, 7):
        x = sets_of(layer, 2, size)
        assert torch.allclose(compiled(x), layer(x), atol=1e-12)


def test_copies_are_the_same_layer() -> None:
    layer = layer_of("grid", "aittala", "independent")
    x = sets_of(layer)
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(again(x), layer(x))
        assert again.in_type == layer.in_type
    train = set(layer.train().state_dict())
    assert train == set(layer.eval().state_dict())


OLD_NAMES = {
    ("sum", "shared"): {"siamese.weight", "siamese.bias", "aggregate.weight"},
    ("aittala", "shared"): {"siamese.weight", "siamese.bias"},
    ("sum", "independent"): {"siamese.weight", "siamese.bias", "aggregate.linear.weight"},
}


@pytest.mark.parametrize(("aggregation", "alignment"), OLD_NAMES)
def test_weights_saved_by_version_1_load(aggregation: str, alignment: str) -> None:
    """Version 1 had no module around the map of the context."""
    layer, other = (layer_of("cyclic", aggregation, alignment) for _ in range(2))
    for parameter in other.parameters():
        torch.nn.init.normal_(parameter)
    old = {name.replace("context.", ""): value for name, value in other.state_dict().items()}
    assert set(old) == OLD_NAMES[aggregation, alignment]
    layer.load_state_dict(old)
    assert torch.equal(layer(sets_of(layer)), other(sets_of(layer)))

    network, source = (eqsets.SetNetwork("trivial", [2, 3, 3], readout=1) for _ in range(2))
    network.load_state_dict(
        {name.replace("context.", ""): value for name, value in source.state_dict().items()}
    )
    x = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(x), source(x))


def test_other_names_of_weights_are_refused() -> None:
    layer = layer_of("cyclic", "sum", "shared")
    state = {name.replace("context.", "second."): v for name, v in layer.state_dict().items()}
    with pytest.raises(RuntimeError, match=r"Missing key.*context\.aggregate"):
        layer.load_state_dict(state)


def test_bfloat16_runs() -> None:
    layer = DSS(SYMMETRIES["dihedral"], 2, 4)
    x = layer.in_type.sample(2, 3, generator=torch.Generator().manual_seed(0))
    exact = layer(x).detach()
    with torch.autocast("cpu", torch.bfloat16):
        reference = layer(x).detach()
    assert float((reference.float() - exact).norm() / exact.norm()) < 0.03
    assert layer.bfloat16()(x.bfloat16()).dtype == torch.bfloat16


RING = element_group("cyclic", size=4)
X = torch.randn(2, 3, 4, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: DSS(RING, 2, 3)(X[0]), ShapeError, r"\(B, N, 4, 2\), got \(3, 4, 2\): 3 axes"),
        (lambda: DSS(RING, 3, 3)(X), ShapeError, "2 instead of 3 on axis 3"),
        (lambda: DSS(RING, 2, 3)(X.double()), ShapeError, "x of torch.float64.*torch.float32"),
        (lambda: DSS(RING, 2, 3)(X.long()), ShapeError, "x of torch.int64"),
        (lambda: DSS(RING, 2, 3).to("meta")(X), ShapeError, "x of torch.float32 on cpu.*on meta"),
        (lambda: DSS(RING, 2, 3)(X[:, :0]), ShapeError, "0 elements in 2 sets"),
        (lambda: DSS(RING, 2, 3)([1.0]), ShapeError, "got list"),
        (lambda: DSS(RING, 2, 3)(X, torch.ones(2, 3)), ShapeError, "of torch.float32, expected"),
        (lambda: DSS(RING, 2, 3)(X, torch.ones(2, 4).bool()), ShapeError, r"mask \(2, 4\)"),
        (
            lambda: DSS(RING, 2, 3)(X, torch.tensor([[True] * 3, [False] * 3])),
            ShapeError,
            r"all False for the sets \[1\]",
        ),
        (
            lambda: DSS(RING, 2, 3)(SetBatch.from_list([X[0]]), torch.ones(1, 3).bool()),
            ShapeError,
            "a SetBatch and a mask",
        ),
        (lambda: DSS(RING, 2, 3)(X, structure=[1]), FeatureTypeError, "no side information"),
        (lambda: DSS(RING, 0, 3), FeatureTypeError, "feature type 0"),
        (lambda: DSS(RING, "²", 3), FeatureTypeError, "feature type '²'"),
        (lambda: DSS(RING, "2 pionts", 3), FeatureTypeError, "Did you mean 'points'"),
        (lambda: DSS(RING, 2, 3, aggregation="aittala"), FeatureTypeError, "3 channels"),
        (lambda: DSS(RING, 2, 3, alignment="shard"), FeatureTypeError, "Did you mean 'shared'"),
        (lambda: DSS(RING, 2, 3, aggregation="maen"), PluginError, "Did you mean 'mean'"),
        (lambda: DSS("cylic", 2, 3), PluginError, "Did you mean 'cyclic'"),
        (lambda: DSS(RING, 2, 3, kernel_size=3), FeatureTypeError, r"\['kernel_size'\]"),
        (
            lambda: DSS(RING, SYMMETRIES["dihedral"].feature_type(2), 3),
            FeatureTypeError,
            "got element_group.'dihedral', size=5.*expected element_group.'cyclic', size=4",
        ),
        (
            lambda: DSS(GeneratedSymmetry(group=OrthogonalGroup(3)), 2, 3, aggregation="max"),
            FeatureTypeError,
            "pointwise type",
        ),
    ],
)
def test_bad_input_gets_a_clear_error(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
    assert issubclass(error, eqsets.EqsetsError)
