"""Attention as an aggregation: the formula in all layouts, cost, weights, derivatives, refusals."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import eqsets
from eqsets import DSS, FeatureTypeError, OptionError, SetBatch, SetNetwork, element_group
from eqsets.aggregation import Aggregation, Attention, GatedAttention
from eqsets.aggregation.attention import AttentionContext
from tests.outside_attention import Attention as OutsideAttention

RING = element_group("cyclic", size=4)
SPACE = element_group("spatial")
FORMS: dict[str, Aggregation] = {
    "all pairs": Attention(heads=2),
    "inducing": Attention(heads=2, inducing=3),
    "one head": Attention(heads=1),
    "gated": GatedAttention(heads=2),
    "not gated": GatedAttention(gated=False),
}
MASK = torch.tensor([[True, False, True], [True, True, True]])


def layer_of(aggregation: Aggregation, alignment: str = "shared") -> DSS:
    torch.manual_seed(0)
    return DSS(RING, 2, 4, aggregation=aggregation, alignment=alignment).double()


def sets(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def by_loop(layer: DSS, members: Tensor) -> Tensor:
    """Attention as a formula, one element after the other, each head a share of the channels."""
    context = layer.context
    assert isinstance(context, AttentionContext)
    attend = context.attend
    read = [context.read(x[None])[0] for x in members]
    outputs = []
    for x, u in zip(members, read, strict=True):
        query = attend.query(u).reshape(attend.heads, -1)
        heads = []
        for k, value in enumerate(context.values):
            keys = [attend.key(other).reshape(attend.heads, -1)[k] for other in read]
            scores = torch.stack([query[k] @ key for key in keys]) / attend.key_features**0.5
            values = torch.stack([value(other[None])[0] for other in members])
            heads.append(torch.tensordot(scores.softmax(0), values, 1))
        outputs.append(layer.siamese(x[None])[0] + torch.cat(heads, -1))
    return torch.stack(outputs)


def test_the_layer_is_the_loop() -> None:
    layer, x = layer_of(Attention(heads=2)), sets(2, 3, 4, 2)
    for b in range(2):
        assert torch.allclose(layer(x)[b], by_loop(layer, x[b]), atol=1e-12)


@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("form", FORMS)
def test_padded_and_ragged_sets_give_the_same_numbers(form: str, alignment: str) -> None:
    layer, x = layer_of(FORMS[form], alignment), sets(2, 3, 4, 2)
    padded, given = layer(torch.where(MASK[..., None, None], x, torch.nan), MASK), SetBatch
    order = torch.tensor([4, 0, 3, 1, 2])
    index = torch.tensor([0, 0, 1, 1, 1])
    ragged = layer(given(x[MASK][order], index[order], 2))
    assert torch.allclose(ragged.values, padded[MASK][order], atol=1e-12)
    assert not padded[~MASK].any()
    for b in range(2):
        alone = layer(x[b][MASK[b]][None])[0]
        assert torch.allclose(padded[b][MASK[b]], alone, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_weights_sum_to_one_over_present_elements(form: str) -> None:
    layer, x = layer_of(FORMS[form]), sets(2, 3, 4, 2)
    plain = layer(x, MASK)
    y, weights = layer(x, MASK, return_weights=True)
    assert torch.equal(y, plain)
    heads = FORMS[form].heads  # type: ignore[attr-defined]
    pairs = isinstance(FORMS[form], Attention)
    assert weights.shape == ((2, 3, 3, heads) if pairs else (2, 3, heads))
    total = weights.sum(-2)
    assert torch.allclose(total[MASK] if pairs else total, torch.ones(1, dtype=torch.float64))
    assert not weights[0, ..., 1, :].any()
    assert not weights[0, 1].any()
    ragged = layer(SetBatch.from_list([x[0][MASK[0]], x[1]]), return_weights=True)[1]
    assert torch.allclose(ragged.values[2:], weights[1], atol=1e-12)
    assert ragged.index.tolist() == [0, 0, 1, 1, 1]


def test_weights_are_those_that_the_output_is_computed_with() -> None:
    layer, x = layer_of(Attention(heads=4, inducing=2)), sets(2, 3, 4, 2)
    y, weights = layer(x, return_weights=True)
    context = layer.context
    assert isinstance(context, AttentionContext)
    values = torch.stack([value(x.flatten(0, 1)) for value in context.values], 1)
    heads = torch.einsum("bijk,bjkpc->bipkc", weights, values.unflatten(0, (2, 3)))
    local = layer.siamese(x.flatten(0, 1)).unflatten(0, (2, 3))
    assert torch.allclose(y, local + heads.flatten(-2), atol=1e-12)


def test_heads_share_channels_where_these_divide_evenly_and_are_added_elsewhere() -> None:
    def joined(symmetry: Any, features: Any, heads: int) -> tuple[bool, int]:
        context = DSS(symmetry, features, features, aggregation=Attention(heads)).context
        assert isinstance(context, AttentionContext)
        return context.joined is not None, len(context.values)

    assert joined(RING, 8, 4) == (True, 4)
    assert joined(RING, 6, 4) == (False, 4)
    assert joined(SPACE, "2x0e + 2x1o", 2) == (False, 2)
    planar = element_group("planar", rotations=4)
    context = DSS(planar, "4 regular", "4 regular", aggregation="attention", kernel_size=1).context
    assert isinstance(context, AttentionContext)
    assert context.joined == planar.feature_type("4 regular")


@pytest.mark.parametrize("form", FORMS)
def test_one_element_attends_to_itself(form: str) -> None:
    layer, x = layer_of(FORMS[form]), sets(2, 1, 4, 2)
    y, weights = layer(x, return_weights=True)
    assert torch.allclose(weights, torch.ones_like(weights), atol=1e-12)
    assert y.isfinite().all()


class Largest(TorchDispatchMode):
    """Records the number of entries of the largest tensor that any operation returns."""

    size = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        actual = func(*args, **(kwargs or {}))
        for part in actual if isinstance(actual, tuple | list) else (actual,):
            if isinstance(part, Tensor):
                self.size = max(self.size, part.numel())
        return actual


def largest(aggregation: Aggregation, size: int, layout: str) -> int:
    layer = DSS("trivial", 2, 2, aggregation=aggregation)
    x: Any = torch.randn(1, size, 2, requires_grad=True)
    given: tuple[Any, ...] = (x,)
    if layout == "padded":
        given = (x, torch.ones(1, size, dtype=torch.bool))
    elif layout == "ragged":
        given = (SetBatch(x[0], torch.zeros(size, dtype=torch.int64), 1),)
    with Largest() as seen:
        y = layer(*given)
        (y.values if layout == "ragged" else y).square().sum().backward()
    return seen.size


@pytest.mark.parametrize("layout", ["dense", "padded", "ragged"])
def test_inducing_points_need_no_memory_that_grows_as_the_square_of_the_set(layout: str) -> None:
    few = Attention(heads=2, inducing=4, key_features=4)
    assert largest(few, 2000, layout) <= 2000 * 2 * 8
    assert largest(Attention(heads=2, key_features=4), 200, layout) >= 200 * 200


@pytest.mark.parametrize("key_features", [1, 4])
@pytest.mark.parametrize("layout", ["dense", "padded"])
def test_derivatives_of_second_order(layout: str, key_features: int) -> None:
    """Also where queries and values have one length: then torch would choose a fused kernel."""
    layer = layer_of(Attention(heads=4, key_features=key_features))
    x = sets(1, 2, 4, 2).requires_grad_()
    mask = None if layout == "dense" else torch.ones(1, 2, dtype=torch.bool)
    assert torch.autograd.gradgradcheck(lambda x: layer(x, mask), (x,), fast_mode=True)


def test_the_fused_kernel_gives_the_same_numbers() -> None:
    plain, x = layer_of(Attention(heads=4, key_features=1)), sets(2, 3, 4, 2)
    fused = layer_of(Attention(heads=4, key_features=1, fused=True))
    fused.load_state_dict(plain.state_dict())
    assert torch.allclose(fused(x, MASK), plain(x, MASK), atol=1e-12)


@pytest.mark.slow
def test_one_of_several_maps_has_the_bias() -> None:
    context = GatedAttention(heads=3).build(
        RING, RING.feature_type(2), RING.feature_type(2), bias=True
    )
    named = [name for name, _ in context.named_parameters() if name.endswith("bias")]
    assert [name for name in named if not name.startswith("weigh")] == ["maps.0.bias"]


@pytest.mark.parametrize("aggregation", [Attention(2), Attention(2, inducing=2), GatedAttention()])
def test_compiled_and_exported_in_all_layouts(aggregation: Aggregation) -> None:
    layer, x = layer_of(aggregation), sets(2, 3, 4, 2)
    rows, index = x[MASK], torch.tensor([0, 0, 1, 1, 1])

    def ragged(rows: Tensor, index: Tensor) -> Tensor:
        values: Tensor = layer(SetBatch(rows, index, 2)).values
        return values

    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(x, MASK), layer(x, MASK), atol=1e-12)
    whole = torch.compile(ragged, fullgraph=True, backend="aot_eager")
    assert torch.allclose(whole(rows, index), ragged(rows, index), atol=1e-12)
    sizes = {"x": {1: torch.export.Dim.DYNAMIC}, "mask": {1: torch.export.Dim.DYNAMIC}}
    program = torch.export.export(layer, (x, MASK), dynamic_shapes=sizes).module()
    longer = sets(2, 5, 4, 2)
    mask = torch.tensor([[True] * 5, [True, False] * 2 + [True]])
    assert torch.allclose(program(longer, mask), layer(longer, mask), atol=1e-12)


def test_a_network_is_described_saved_and_loaded() -> None:
    for aggregation in FORMS.values():
        network, file = (
            SetNetwork(RING, [2, 4, 4], aggregation=aggregation, readout=2),
            io.BytesIO(),
        )
        eqsets.save(network, file)
        file.seek(0)
        result = eqsets.load(file)
        assert result.construction.arguments["aggregation"] == aggregation
        x = sets(2, 3, 4, 2).float()
        assert torch.equal(result(x), network(x))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Attention(heads=0), OptionError, "heads=0.*at least 1"),
        (lambda: Attention(inducing=1), OptionError, "inducing=1, expected at least 2"),
        (lambda: Attention(key_features=True), OptionError, "key_features=True"),
        (lambda: GatedAttention(hidden_features=2.0), OptionError, "hidden_features=2.0"),
        (lambda: eqsets.nn.SetPool(RING, 2, Attention(2)), FeatureTypeError, "GatedAttention"),
        (
            lambda: layer_of(Aggregation.__subclasses__()[0]())(
                sets(1, 2, 4, 2), return_weights=True
            ),
            FeatureTypeError,
            "'attention' or 'gated-attention'",
        ),
    ],
)
def test_what_it_does_not_do_it_says(make: Callable[[], Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_siamese_layer_and_an_aggregation_from_outside_have_no_weights() -> None:
    for aggregation in ("none", OutsideAttention()):
        layer = DSS(RING, 2, 4, aggregation=aggregation)
        with pytest.raises(FeatureTypeError, match="return_weights=True"):
            layer(sets(1, 2, 4, 2).float(), return_weights=True)
