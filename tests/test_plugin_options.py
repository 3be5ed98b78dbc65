"""Every option of every builder matters: it changes weights or outputs, or it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import GCNConv

from eqsets import DSS, EqsetsError, FeatureType, element_group
from eqsets_permutations import Edges

GRAPH = torch.tensor([[0, 1, 2, 3, 4, 0, 2], [1, 2, 3, 4, 0, 2, 2]])  # node 5 is isolated
CLOUD = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
IRREPS = "points: 2x0e + 1x1o"
IMAGES = (2, 3, 4, 8, 6)


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def built(make: Callable[..., nn.Module], options: dict[str, Any]) -> nn.Module:
    """Return the module with weights that are not zero, in training mode."""
    torch.manual_seed(0)
    module = make(**options)
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module


def changes(
    make: Callable[..., nn.Module],
    x: Tensor,
    base: dict[str, Any],
    options: dict[str, Any],
    *side: Any,
) -> bool:
    """Return whether other options make other weights, or another output of equal weights."""
    one, other = built(make, base), built(make, {**base, **options})
    shapes = [{name: v.shape for name, v in m.state_dict().items()} for m in (one, other)]
    if shapes[0] != shapes[1]:
        return True
    results = []
    for module in (one, other):
        torch.manual_seed(1)
        results.append(module(x, *side))
    return results[0].shape != results[1].shape or not torch.equal(*results)


def layer(group: Any, source: Any, target: Any, structure: Any = None) -> Callable[..., nn.Module]:
    """Return how to build a set layer that carries its structure."""

    class Layer(nn.Module):
        def __init__(self, **options: Any) -> None:
            super().__init__()
            self.inner = DSS(group, source, target, **options)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.inner(x, structure=structure)
            return y

    return Layer


EDGES = Edges(GRAPH, torch.linspace(0.5, 2, 7))
WITH_ATTR = Edges(GRAPH, attr=draw(7, 2))
LAYERS: dict[str, tuple[Callable[..., nn.Module], tuple[int, ...], dict[str, Any], list[Any]]] = {
    "translations": (
        layer("translations", 4, 6),
        IMAGES,
        {},
        [
            {"kernel_size": 5},
            {"kernel_size": (1, 3)},
            {"kernel_size": 2},
            {"dilation": 2},
            {"dilation": (1, 2)},
            {"dilation": (2, 1)},
            {"groups": 2},
            {"padding": 0},
            {"padding": (0, 1)},
            {"padding": (1, 0)},
            {"padding": 2},
            {"stride": 2},
            {"stride": (1, 2)},
            {"stride": (2, 1)},
            {"transposed": True},
            {"bias": False},
            {"aggregation": "mean"},
            {"alignment": "independent"},
        ],
    ),
    "translations, strides": (
        layer("translations", 4, 4),
        IMAGES,
        {"stride": 2},
        [{"stride": (2, 1)}, {"stride": 3}, {"transposed": True}, {"kernel_size": 4}],
    ),
    "planar": (
        layer(element_group("planar", rotations=4), "4", "2 regular"),
        (2, 3, 4, 9, 7),
        {},
        [
            {"kernel_size": 5},
            {"kernel_size": 4, "padding": 1},
            {"stride": 2},
            {"padding": 0},
            {"padding": 2},
            {"dilation": 2},
            {"padding_mode": "circular"},
            {"padding_mode": "reflect"},
            {"padding_mode": "replicate"},
            {"frequencies_cutoff": 4.0},
            {"bias": False},
        ],
    ),
    "graph": (
        layer("permutations", 3, 4, EDGES),
        (2, 3, 6, 3),
        {"conv": "graph"},
        [{"bias": False}],
    ),
    "gcn": (
        layer("permutations", 3, 4, EDGES),
        (2, 3, 6, 3),
        {"conv": "gcn"},
        [{"improved": True}, {"bias": False}, {"conv": "graph"}],
    ),
    "sage": (
        layer("permutations", 3, 4, GRAPH),
        (2, 3, 6, 3),
        {"conv": "sage"},
        [{"bias": False}, {"conv": "gin"}, {"conv": "linear"}],
    ),
    "gin": (
        layer("permutations", 3, 4, GRAPH),
        (2, 3, 6, 3),
        {"conv": "gin"},
        [{"eps": 0.5}, {"train_eps": True}, {"bias": False}],
    ),
    "points": (layer("permutations", 3, 4), (2, 3, 6, 3), {}, [{"bias": False}]),
    "pairs": (layer("permutations", "3 pairs", "4 pairs"), (2, 3, 5, 5, 3), {}, [{"bias": False}]),
    "gat": (
        layer("permutations", 3, 4, WITH_ATTR),
        (2, 3, 6, 3),
        {"conv": "gat", "edge_dim": 2},
        [
            {"heads": 2},
            {"heads": 2, "concat": False},
            {"negative_slope": 0.9},
            {"dropout": 0.5},
            {"add_self_loops": False},
            {"fill_value": "max"},
            {"aggr": "max"},
            {"residual": True},
            {"bias": False},
        ],
    ),
    "gine, categories of edges": (
        layer("permutations", 3, 4, Edges(GRAPH, attr=torch.tensor([0, 1, 2, 1, 0, 2, 1]))),
        (2, 3, 6, 3),
        {"conv": "gine", "edge_categories": [3]},
        [{"edge_categories": [4]}, {"edge_dim": 5}, {"eps": 0.5}],
    ),
    "cheb": (
        layer("permutations", 3, 4, GRAPH),
        (2, 3, 6, 3),
        {"conv": "cheb", "K": 2},
        [{"K": 3}, {"normalization": "rw"}, {"bias": False}, {"aggr": "max"}],
    ),
    "spatial": (layer("spatial", "2x0e + 1x1o", "2x0e + 1x1o"), (2, 3, 5), {}, [{"bias": False}]),
    "clouds": (
        layer("spatial", IRREPS, IRREPS, CLOUD),
        (2, 3, 6, 5),
        {"radius": 2.0},
        [
            {"radius": 1.5},
            {"neighbors": 2},
            {"radius": None, "neighbors": 2},
            {"degree": 0},
            {"degree": 2},
            {"basis": 4},
            {"hidden": 8},
            {"bias": False},
        ],
    ),
    "clouds, nearest": (
        layer("spatial", IRREPS, IRREPS, CLOUD),
        (2, 3, 6, 5),
        {"neighbors": 3},
        [{"neighbors": 2}, {"neighbors": 5}, {"radius": 1.5}],
    ),
}


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, options) for name, case in LAYERS.items() for options in case[3]],
    ids=str,
)
def test_option_of_a_layer_matters(name: str, options: dict[str, Any]) -> None:
    make, shape, base, _ = LAYERS[name]
    assert changes(make, draw(*shape), base, options)


DEFAULTS: dict[str, dict[str, Any]] = {
    "translations": {"kernel_size": 3, "dilation": 1, "groups": 1, "padding": 1, "stride": 1},
    "planar": {"kernel_size": 3, "padding": 1, "padding_mode": "zeros", "exact": True},
    "gcn": {"improved": False, "bias": True},
    "gin": {"eps": 0.0, "train_eps": False},
    "gat": {"heads": 1, "dropout": 0.0},
    "clouds": {"degree": 1, "basis": 8, "hidden": 16, "neighbors": None},
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_that_are_given_change_nothing(name: str) -> None:
    make, shape, base, _ = LAYERS[name]
    assert not changes(make, draw(*shape), base, DEFAULTS[name])


@pytest.mark.parametrize("name", LAYERS)
def test_unknown_option_is_refused(name: str) -> None:
    make, _, base, _ = LAYERS[name]
    with pytest.raises(EqsetsError):
        make(**base, kernel_width=3)


@pytest.mark.parametrize(("conv", "options"), [("sg", {}), ("gcn2", {}), ("ssg", {"alpha": 0.1})])
def test_a_convolution_that_stores_the_first_graph_is_refused(
    conv: str, options: dict[str, float]
) -> None:
    with pytest.raises(EqsetsError, match="got cached=True"):
        DSS("permutations", 3, 3, conv=conv, cached=True, **options)

    def mine(inputs: int, outputs: int) -> nn.Module:
        return GCNConv(inputs, outputs, cached=True)

    with pytest.raises(EqsetsError, match="cached=True"):
        DSS("permutations", 3, 3, conv=mine)


def test_a_layer_without_edges_has_no_reach_to_set() -> None:
    for options in ({"degree": 2}, {"basis": 4}, {"hidden": 8}):
        with pytest.raises(EqsetsError, match="expected radius=, neighbors= or"):
            DSS("spatial", IRREPS, IRREPS, **options)


def part(group: str, spec: Any, kind: str, **symmetry: Any) -> Callable[..., nn.Module]:
    """Return how to build a norm, pool ... of a symmetry."""
    owner = element_group(group, **symmetry)
    source: FeatureType = owner.feature_type(spec)

    def make(**options: Any) -> nn.Module:
        module: nn.Module = getattr(owner, kind)(source, **options)
        return module

    make.__name__ = f"{group}-{kind}"
    return make


FIELDS = "2 trivial + 1 regular + 1 irrep(1)"
PARTS: list[tuple[Callable[..., nn.Module], tuple[int, ...], dict[str, Any], dict[str, Any]]] = [
    (part("translations", 4, "pool"), (3, 4, 12, 6), {}, {"kind": "mean"}),
    (part("translations", 4, "pool"), (3, 4, 12, 6), {}, {"size": 3}),
    (part("translations", 4, "pool"), (3, 4, 12, 6), {"size": (1, 2)}, {"size": (2, 1)}),
    (part("translations", "4 /6", "upsample"), (3, 4, 4, 6), {}, {"kind": "linear"}),
    (part("translations", "4 /6", "upsample"), (3, 4, 4, 6), {}, {"factor": 3}),
    (part("translations", "4 /6", "upsample"), (3, 4, 4, 6), {}, {"factor": (1, 2)}),
    (part("translations", 4, "norm"), (3, 4, 4, 6), {}, {"kind": "batch"}),
    (part("translations", 4, "dropout"), (3, 4, 4, 6), {"p": 0.0}, {"p": 0.5}),
    (part("translations", 4, "nonlinearity"), (3, 4, 4, 6), {}, {"name": "silu"}),
    (part("permutations", 4, "norm"), (3, 5, 4), {}, {"kind": "batch"}),
    (part("permutations", 4, "dropout"), (3, 5, 4), {"p": 0.0}, {"p": 0.5}),
    (part("permutations", 4, "nonlinearity"), (3, 5, 4), {}, {"name": "elu"}),
    (part("planar", FIELDS, "norm"), (3, 8, 9, 9), {}, {"kind": "batch"}),
    (part("planar", FIELDS, "dropout"), (3, 8, 9, 9), {"p": 0.0}, {"p": 0.5}),
    (part("planar", FIELDS, "nonlinearity"), (3, 8, 9, 9), {}, {"name": "silu"}),
    (part("planar", FIELDS, "nonlinearity"), (3, 8, 9, 9), {}, {"name": "norm"}),
    (part("planar", FIELDS, "pool"), (3, 8, 9, 7), {}, {"stride": 3}),
    (part("planar", FIELDS, "pool"), (3, 8, 9, 7), {}, {"kind": "group"}),
    (part("planar", "2 regular", "pool"), (3, 8, 9, 7), {}, {"kind": "max"}),
    (part("planar", "2 regular", "restrict"), (3, 8, 9, 9), {"rotations": 4}, {"rotations": 1}),
    (part("spatial", "2x0e + 1x1o", "nonlinearity"), (3, 5), {}, {"name": "silu"}),
    (part("spatial", "2x0e + 1x1o", "dropout"), (3, 5), {"p": 0.0}, {"p": 0.5}),
    (part("spatial", "3x0e", "norm"), (3, 3), {}, {"kind": "batch"}),
    (part("spatial", IRREPS, "pool"), (3, 6, 5), {}, {"reduce": "sum"}),
]


@pytest.mark.parametrize(
    ("make", "shape", "base", "options"),
    PARTS,
    ids=lambda value: value.__name__ if callable(value) else str(value),  # no addresses
)
def test_option_of_a_part_matters(
    make: Callable[..., nn.Module],
    shape: tuple[int, ...],
    base: dict[str, Any],
    options: dict[str, Any],
) -> None:
    if "rotations" in options:  # a restriction changes the type, not the numbers
        assert make(**base).out_type != make(**options).out_type
        return
    x = draw(*shape)
    assert changes(make, x, base, options)
    assert not changes(make, x, base, base)


SYMMETRIES: list[tuple[str, dict[str, Any], Any]] = [
    ("translations", {"padding_mode": "circular"}, 2),
    ("translations", {"dims": 3}, 2),
    ("translations", {"stride": 2}, 2),
    ("translations", {"stride": (1, 2)}, 2),
    ("translations", {"grid": (10, 12)}, 2),
    ("permutations", {"nodes": 4}, 2),
    ("permutations", {"readout": "sum"}, 2),
    ("permutations", {"readout": "max"}, 2),
    ("permutations", {"readout": "max"}, "2 pairs"),
    ("planar", {"rotations": 8}, "2 regular"),
    ("planar", {"reflections": True}, "2 regular"),
    ("planar", {"grid": 11}, "2 regular"),
    ("spatial", {"reflections": False}, "2x1e"),
]


@pytest.mark.parametrize(("name", "options", "spec"), SYMMETRIES, ids=str)
def test_option_of_a_symmetry_matters(name: str, options: dict[str, Any], spec: Any) -> None:
    """It changes samples, the group elements that move them, or invariants."""
    seen = []
    for given in ({}, options):
        symmetry = element_group(name, **given)
        features = symmetry.feature_type(spec)
        x = features.sample(2, generator=torch.Generator().manual_seed(0))
        g = symmetry.group.sample(64, generator=torch.Generator().manual_seed(0))
        seen.append((x, g, symmetry.invariant(features)(x)))
    same = [a.shape == b.shape and torch.equal(a, b) for a, b in zip(*seen, strict=True)]
    zeros = "padding_mode" in options
    assert not all(same) or zeros
    assert seen[0][0].shape != seen[1][0].shape or not same[0] or not same[1] or not same[2]


def test_more_frequencies_are_more_types() -> None:
    assert element_group("planar", rotations=None, max_frequency=5).feature_type("1 irrep(5)")
    with pytest.raises(EqsetsError, match="k of at most 3"):
        element_group("planar", rotations=None).feature_type("1 irrep(5)")
