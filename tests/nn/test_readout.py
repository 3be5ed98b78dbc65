"""Read-outs: a vector from a set, by every choice over the set and over the element."""

from __future__ import annotations

import io

import pytest
import torch
from torch import Tensor

from eqsets import (
    FeatureTypeError,
    SetBatch,
    SetNetwork,
    element_group,
    equivariance_error,
    from_dict,
    load,
    save,
    to_dict,
)
from eqsets.aggregation import Aggregation
from eqsets.nn import Readout

GRID = element_group("grid-rotations", height=3, width=3)
ORBITS = torch.tensor([[0, 1, 0], [1, 2, 1], [0, 1, 0]])  # corners, edges, the middle
MASK = torch.tensor([[True, False, True], [True, True, True]])
ELEMENTS = ("mean", "max", "mean+max", "attention")
AGGREGATIONS = ("mean", "sum", "max", "attention", ("mean", "attention", "max"), "none")


def sets() -> Tensor:
    x = torch.randn(2, 3, 2, 3, 3, generator=torch.Generator().manual_seed(0)).double()
    x[~MASK] = torch.nan
    return x


def build(aggregation: object = "mean", element: str = "mean") -> Readout:
    torch.manual_seed(0)
    return Readout(GRID, 2, 4, aggregation, element=element).double()


def read_by_hand(readout: Readout, x: Tensor) -> Tensor:
    """Return the invariants of one element ``(2, 3, 3)``, point by point."""
    if readout.element == "attention":
        attention, total, weights = readout.invariant, torch.zeros(2).double(), 0.0
        for i in range(3):
            for j in range(3):
                point = x[:, i, j]
                hidden = attention.value(point).tanh() * attention.gate(point).sigmoid()
                weight = attention.score(hidden).exp()
                total, weights = total + weight * point, weights + weight
        return total / weights
    means = [x[:, orbit == ORBITS].mean(1) for orbit in range(3)]
    maxima = [x[:, orbit == ORBITS].amax(1) for orbit in range(3)]
    chosen = {"mean": means, "max": maxima, "mean+max": means + maxima}[readout.element]
    return torch.cat(chosen)


def by_hand(readout: Readout, members: Tensor) -> Tensor:
    """Return the vector of one set of elements."""
    read = torch.stack([read_by_hand(readout, x) for x in members])
    names = readout.aggregation if isinstance(readout.aggregation, tuple) else [readout.aggregation]
    ways = {"Mean": read.mean(0), "Sum": read.sum(0), "Max": read.amax(0), "NoAggregation": read}
    for reduction in readout.reductions:
        if reduction.weigh is not None:
            weigh = reduction.weigh
            hidden = weigh.value(read).tanh() * weigh.gate(read).sigmoid()
            ways["Attention"] = (weigh.score(hidden).softmax(0) * read).sum(0)
    parts = [ways[type(one).__name__] for one in names]
    return torch.cat(parts, -1) @ readout.linear.weight.mT + readout.linear.bias


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("aggregation", AGGREGATIONS, ids=str)
def test_a_readout_is_its_formula_in_all_layouts(aggregation: object, element: str) -> None:
    readout, x = build(aggregation, element), sets()
    padded = readout(x, MASK)
    ragged = readout(SetBatch.from_list([x[0, MASK[0]], x[1]]))
    for b in range(2):
        expected = by_hand(readout, x[b, MASK[b]])
        got = padded[b, MASK[b]] if readout.keeps_set else padded[b]
        listed = ragged.to_list()[b] if readout.keeps_set else ragged[b]
        assert torch.allclose(got, expected, atol=1e-12)
        assert torch.allclose(listed, expected, atol=1e-12)
    assert torch.allclose(readout(x[1:]), padded[1:], atol=1e-12)


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("aggregation", AGGREGATIONS, ids=str)
def test_a_readout_is_invariant(aggregation: object, element: str) -> None:
    readout = build(aggregation, element)
    for alignment in ("shared", "independent"):
        report = equivariance_error(readout, readout.in_type, readout.out_type, alignment=alignment)
        assert report.max < 1e-12


def test_attention_over_points_that_sees_their_position_is_not_invariant() -> None:
    """The negative control of the invariance of attention."""
    readout = build("mean", "attention")
    position = torch.arange(9.0).double()[:, None]
    readout.invariant.score.register_forward_hook(lambda module, args, y: y + position)
    assert equivariance_error(readout, readout.in_type, readout.out_type).max > 1e-3


@pytest.mark.parametrize("options", [{"element": each} for each in ELEMENTS[1:]])
def test_each_choice_over_the_element_is_another_function(options: dict[str, str]) -> None:
    assert not torch.allclose(build(**options)(sets(), MASK), build()(sets(), MASK))


def test_each_choice_over_the_set_is_another_function() -> None:
    results = [build(each)(sets(), MASK) for each in AGGREGATIONS[:5]]
    for k, one in enumerate(results):
        assert not any(torch.allclose(one, other) for other in results[:k])


@pytest.mark.parametrize("aggregation", AGGREGATIONS, ids=str)
def test_scores_add_up_to_the_output(aggregation: object) -> None:
    readout, x = build(aggregation, "mean+max"), sets()
    y, scores = readout(x, MASK, return_scores=True)
    assert scores.shape == (2, 3, 4)
    assert not scores[~MASK].any()
    total = scores if readout.keeps_set else scores.sum(1)
    present = MASK if readout.keeps_set else torch.ones(2, dtype=torch.bool)
    assert torch.allclose((total + readout.linear.bias)[present], y[present], atol=1e-12)
    ragged = readout(SetBatch.from_list([x[0, MASK[0]], x[1]]), return_scores=True)[1]
    assert torch.allclose(ragged.values, scores[MASK], atol=1e-12)


def test_scores_name_the_element_that_decides() -> None:
    readout, x = build("max", "max"), torch.zeros(1, 3, 2, 3, 3).double()
    x[0, 1, :, 1, 1] = 1.0  # the middle of one element: one of three maxima of each channel
    scores = readout(x, return_scores=True)[1][0]
    assert scores[1].abs().min() > 1e-3
    assert not scores[[0, 2]].any()
    same = readout(x[:, [1, 1]], return_scores=True)[1][0]
    assert torch.allclose(same[0], scores[1] / 2)  # two equal elements share the maximum


@pytest.mark.parametrize("aggregation", AGGREGATIONS, ids=str)
def test_a_network_passes_the_choices_on(aggregation: object) -> None:
    options = {"readout_aggregation": aggregation, "readout_element": "max"}
    network = SetNetwork(GRID, [2, 3, 4], readout=2, **options).double()
    x, end = sets(), network.blocks.layers[-1]
    y, scores = network(x, MASK, return_scores=True)
    assert (end.element, end.aggregation) == ("max", build(aggregation).aggregation)
    assert torch.equal(y, network(x, MASK))
    assert scores.shape == (2, 3, 2)

    file = io.BytesIO()
    save(network, file)
    file.seek(0)
    again = load(file)
    assert torch.equal(again(x, MASK), y)
    assert (again.blocks.layers[-1].element, network.keeps_set) == ("max", again.keeps_set)


@pytest.mark.parametrize("aggregation", AGGREGATIONS, ids=str)
@pytest.mark.parametrize("element", ELEMENTS)
def test_a_readout_is_described(aggregation: object, element: str) -> None:
    readout = build(aggregation, element)
    again = from_dict(to_dict(readout)).double()
    again.load_state_dict(readout.state_dict())
    assert torch.equal(again(sets(), MASK), readout(sets(), MASK))


def test_a_description_without_the_choices_means_the_mean_of_everything() -> None:
    """Descriptions of version 0.1 have none of the arguments."""
    network = SetNetwork(
        GRID,
        [2, 3, 4],
        aggregation="sum",
        normalization=None,
        readout=2,
        readout_aggregation="mean",
        readout_element="mean",
    )
    plain = to_dict(network)
    for name in ("readout_aggregation", "readout_element"):
        del plain["arguments"][name]
    again = from_dict(plain)
    again.load_state_dict(network.state_dict())
    x = sets().float()
    assert torch.equal(again(x, MASK), network(x, MASK))
    assert repr(again) == repr(network)


class Middle(Aggregation):
    """The median, whose parts are not known."""

    def reduce(self, layout, rows):
        return layout.mean(rows)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build(element="maen"), "element='maen'.*Did you mean 'mean'"),
        (lambda: build(()), "at least one"),
        (lambda: build("sridhar"), "one that reduces a set"),
        (lambda: build(("mean", "none")), "one that reduces a set"),
        (lambda: build(Middle())(sets(), MASK, return_scores=True), "scores .* got .*Middle"),
        (lambda: Readout("trivial", 3, 1, element="attention"), "pointwise type with points"),
        (
            lambda: SetNetwork(GRID, [2, 3])(sets().float(), MASK, return_scores=True),
            "ends in DSS, expected a read-out",
        ),
    ],
)
def test_what_does_not_fit_gets_a_clear_error(call, message: str) -> None:
    with pytest.raises(FeatureTypeError, match=message):
        call()
