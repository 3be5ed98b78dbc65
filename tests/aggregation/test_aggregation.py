"""Aggregations: descriptions that build contexts, and the combiners that join them.

The oracle is a plain Python loop over sets and elements.
"""

from __future__ import annotations

import copy
from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from eqsets import DSS, Aggregation, FeatureType, FeatureTypeError, SetBatch, element_group
from eqsets.aggregation import (
    Aittala,
    GatedCentered,
    MappedMax,
    Max,
    Mean,
    NoAggregation,
    Sridhar,
    Sum,
)
from eqsets.aggregation.centered import Centered
from eqsets.aggregation.combiners import Add, Combiner, Concatenate, Subtract
from eqsets.aggregation.context import Context
from eqsets.layout import Layout, as_rows
from eqsets.structure import NO_STRUCTURE, Structure
from eqsets.symmetry import ElementSymmetry
from eqsets.testing.oracles.dss import dss_by_loop

RING = element_group("cyclic", size=4)
BUILT_IN = (Sum(), Mean(), Max(), NoAggregation(), Sridhar(), Aittala(), MappedMax())
MASK = torch.tensor([[True, False, True], [True, True, True]])


def sets(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 3, 4, 2, generator=generator, dtype=torch.float64)


def layer_of(aggregation: Aggregation | str, alignment: str = "shared", out: int = 4) -> DSS:
    torch.manual_seed(0)
    return DSS(RING, 2, out, aggregation=aggregation, alignment=alignment).double()


@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("aggregation", BUILT_IN, ids=repr)
def test_layers_are_the_loop_over_elements(aggregation: Aggregation, alignment: str) -> None:
    layer, x = layer_of(aggregation, alignment), sets()
    for members, got in zip(x, layer(x), strict=True):
        assert torch.allclose(got, torch.stack(dss_by_loop(layer, list(members))), atol=1e-12)
    got = layer(x, MASK)
    for members, mask, mapped in zip(x, MASK, got, strict=True):
        expected = torch.stack(dss_by_loop(layer, list(members[mask])))
        assert torch.allclose(mapped[mask], expected, atol=1e-12)


@pytest.mark.parametrize("aggregation", [*BUILT_IN, Centered(), GatedCentered()], ids=repr)
def test_a_context_has_no_bias_unless_it_is_asked_for(aggregation: Aggregation) -> None:
    kind = RING.feature_type(2)
    for alignment in ("shared", "independent"):
        context = aggregation.build(RING, kind, kind, alignment=alignment)
        names = () if context is None else [name for name, _ in context.named_parameters()]
        assert not any("bias" in name or "offset" in name for name in names)
    asked = aggregation.build(RING, kind, kind, bias=True)
    if isinstance(aggregation, Centered):
        assert any("bias" in name for name, _ in asked.named_parameters())


def test_the_oracle_distinguishes_aggregations() -> None:
    """The negative control of the test above: another description, the same weights."""
    layer, other = layer_of(Sum()), layer_of(Mean())
    other.load_state_dict(layer.state_dict())
    x = sets()
    assert not torch.allclose(other(x)[0], torch.stack(dss_by_loop(layer, list(x[0]))))


class MappedMean(MappedMax):
    reduction = Mean()


def test_the_order_of_map_and_aggregation_matters_for_the_maximum_only() -> None:
    x = sets()
    for first, second, equal in ((MappedMean(), Mean(), True), (MappedMax(), Max(), False)):
        one, two = layer_of(first), layer_of(second)
        two.load_state_dict(one.state_dict())
        assert torch.allclose(one(x), two(x), atol=1e-12) == equal


def test_mapped_maxima_need_a_pointwise_output_only() -> None:
    assert DSS("spatial", "2x0e + 1x1o", 3, aggregation="mapped-max").context is not None
    with pytest.raises(FeatureTypeError, match="component by component"):
        DSS("spatial", "2x0e + 1x1o", 3, aggregation="max")
    with pytest.raises(FeatureTypeError, match="component by component"):
        DSS("spatial", 3, "2x0e + 1x1o", aggregation="mapped-max")


@pytest.mark.parametrize("aggregation", BUILT_IN, ids=repr)
def test_descriptions_are_values(aggregation: Aggregation) -> None:
    assert aggregation == type(aggregation)()
    assert hash(aggregation) == hash(copy.deepcopy(aggregation))
    with pytest.raises(FrozenInstanceError):
        aggregation.depth = 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("aggregation", BUILT_IN, ids=repr)
def test_one_description_builds_many_layers_without_tying_weights(
    aggregation: Aggregation, alignment: str
) -> None:
    one, two = (DSS(RING, 2, 4, aggregation=aggregation, alignment=alignment) for _ in range(2))
    assert one.aggregation is two.aggregation
    assert not {id(p) for p in one.parameters()} & {id(p) for p in two.parameters()}
    assert one.context is None or one.context is not two.context


@dataclass(frozen=True)
class Tied(Aggregation):
    """The negative control: a description that holds the module instead of building it."""

    module: nn.Module

    def build(self, *args: Any, **kwargs: Any) -> Any:
        return self.module


def test_a_description_that_holds_a_module_ties_weights() -> None:
    held = Tied(Sum().build(RING, RING.feature_type(2), RING.feature_type(4)))
    one, two = (DSS(RING, 2, 4, aggregation=held) for _ in range(2))
    assert {id(p) for p in one.parameters()} & {id(p) for p in two.parameters()}


@dataclass(frozen=True)
class Range(Aggregation):
    """The simple case of a plugin: ``reduce`` alone."""

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.max(rows) + layout.max(-rows)


@dataclass(frozen=True)
class Squares(Aggregation):
    """Reduces what it has computed from the rows, not the rows of the input."""

    def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
        return layout.sum(rows.square())


@pytest.mark.parametrize("alignment", ["shared", "independent"])
def test_reduce_alone_is_enough(alignment: str) -> None:
    layer, x = layer_of(Range(), alignment), sets()
    read = x if layer.invariant is None else layer.invariant(x.flatten(0, 1)).unflatten(0, (2, 3))
    pooled = read.amax(1) - read.amin(1)
    like = {} if alignment == "shared" else {"like": layer.siamese(x[:, 0])}
    context = layer.aggregate(pooled, **like)
    expected = layer.siamese(x.flatten(0, 1)).unflatten(0, (2, 3)) + context[:, None]
    assert torch.allclose(layer(x), expected, atol=1e-12)


def test_what_is_computed_from_rows_is_reduced_and_not_the_input() -> None:
    layer, x = layer_of(Squares()), sets()
    context = layer.aggregate(x.square().sum(1))
    expected = layer.siamese(x.flatten(0, 1)).unflatten(0, (2, 3)) + context[:, None]
    assert torch.allclose(layer(x), expected, atol=1e-12)


class Elsewhere(Context):
    """The context of an element: the mean of the local output over the others of its set."""

    reads_local = True
    per_element = True

    def forward(
        self, layout: Layout, rows: Tensor, structure: Structure, local: Tensor | None = None
    ) -> Tensor:
        assert local is not None
        count = layout.spread(layout.sum(torch.ones_like(local)))
        return (layout.spread(layout.sum(local)) - local) / (count - 1).clamp(min=1)


@dataclass(frozen=True)
class Others(Aggregation):
    combiner: Combiner = field(default_factory=Add)  # type: ignore[misc]

    def build(
        self,
        symmetry: ElementSymmetry,
        in_type: FeatureType,
        out_type: FeatureType,
        **options: Any,
    ) -> Context:
        return Elsewhere()


def mean_of_others(local: Tensor) -> Tensor:
    others = [[local[j] for j in range(len(local)) if j != i] for i in range(len(local))]
    return torch.stack([sum(each) / max(1, len(each)) + 0 * local[0] for each in others])


@pytest.mark.parametrize("combiner", [Add(), Subtract(), Concatenate()], ids=repr)
def test_contexts_may_differ_from_element_to_element(combiner: Combiner) -> None:
    layer, x = layer_of(Others(combiner)), sets()
    ragged = layer(SetBatch.from_list([x[0][MASK[0]], x[1]])).to_list()
    padded = layer(x, MASK)
    for members, mask, got, result in zip(x, MASK, padded, ragged, strict=True):
        local = layer.siamese(members[mask])
        context = mean_of_others(local)
        expected = {
            Add(): local + context,
            Subtract(): local - context,
            Concatenate(): torch.cat([local, context], -1),
        }[combiner]
        assert torch.allclose(got[mask], expected, atol=1e-12)
        assert torch.allclose(result, expected, atol=1e-12)
        assert torch.equal(got[~mask], torch.zeros_like(got[~mask]))


@pytest.mark.parametrize("per_element", [False, True])
@pytest.mark.parametrize("combiner", [Add(), Subtract(), Concatenate()], ids=repr)
def test_combiners_are_the_loop(combiner: Combiner, per_element: bool) -> None:
    x, out_type = sets(), RING.feature_type(4)
    layout, local = as_rows(x, MASK, None, "test")
    context = sets(1).flatten(0, 1)[: layout.num_rows if per_element else layout.num_sets]
    got = combiner.combine(layout, local, context, out_type=out_type, per_element=per_element)
    for b in range(2):
        for i in range(3):
            c = context[3 * b + i if per_element else b]
            a = x[b, i]
            joined = {Add(): a + c, Subtract(): a - c}.get(combiner, torch.cat([a, c], -1))
            assert torch.equal(got[b, i], joined if MASK[b, i] else torch.zeros_like(joined))


def test_combiners_say_what_the_local_map_is() -> None:
    four = RING.feature_type(4)
    assert [c.local_type(four).channels for c in (Add(), Subtract(), Concatenate())] == [4, 4, 2]
    assert [c.local_bias(True) for c in (Add(), Subtract(), Concatenate())] == [True, False, True]
    assert not any(c.local_bias(False) for c in (Add(), Subtract(), Concatenate()))
    with pytest.raises(FeatureTypeError, match="3 channels"):
        Concatenate().local_type(RING.feature_type(3))


def test_an_aggregation_that_reduces_nothing_says_so() -> None:
    layout, rows = as_rows(sets(), None, None, "test")
    for aggregation in (NoAggregation(), Others()):
        assert not aggregation.reduces_input
        with pytest.raises(FeatureTypeError, match="reduces no set"):
            aggregation.reduce(layout, rows)
    assert not Sridhar().reduces_input
    assert Sum().reduces_input


def test_a_context_that_reads_the_local_output_needs_it() -> None:
    layout, rows = as_rows(sets(), None, None, "test")
    context = layer_of("sridhar").context
    assert context is not None
    with pytest.raises(AssertionError, match="reads the local output"):
        context(layout, rows, NO_STRUCTURE)


def test_classes_of_version_0_1_are_translated_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="source= or combine="):

        class Old(Aggregation):
            source = "output"
            combine = "subtract"

            def reduce(self, layout: Layout, rows: Tensor) -> Tensor:
                return layout.mean(rows)

    with pytest.warns(DeprecationWarning, match="source= or combine="):

        class Alone(Aggregation):
            source = "none"

    layer, expected = layer_of(Old()), layer_of("sridhar")
    assert torch.equal(layer(sets()), expected(sets()))
    assert layer.siamese.bias is None
    assert layer_of(Alone()).context is None
