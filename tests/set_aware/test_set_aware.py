"""set_aware: the function of the trained network at the start, and then a network of sets."""

from __future__ import annotations

import copy
import io
import pickle
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from eqsets import (
    DSS,
    DescriptionError,
    FeatureTypeError,
    OptionError,
    SetBatch,
    ShapeError,
    element_group,
    set_aware,
    to_dict,
)
from eqsets.set_aware import SetAware, SetAwareLayer

sys.path.insert(0, str(Path(__file__).parent))
from zoo import ZOO, ResNet, Shared, images, trained, vectors

MASK = torch.tensor([[True, False, True], [True, True, True]])


def converted(name: str, **options: object) -> tuple[nn.Module, SetAware, Tensor]:
    build, data, (group, given) = ZOO[name]
    model = trained(build)
    return model, set_aware(model, element_group(group, **given), **options), data()


def by_element(model: nn.Module, x: Tensor) -> list[Tensor]:
    """Return what the model makes of every element by itself, leaf by leaf."""
    with torch.no_grad():
        rows = [pytree.tree_leaves(model(one[None])) for one in x.flatten(0, 1)]
    return [torch.cat(parts).unflatten(0, x.shape[:2]) for parts in zip(*rows, strict=True)]


def moved(network: SetAware, seed: int = 1) -> SetAware:
    """Return the network with other weights of the mean, as training would have made them."""
    generator = torch.Generator().manual_seed(seed)
    for layer in network.modules():
        if isinstance(layer, SetAwareLayer):
            for name, weight in layer.common.named_parameters():
                if not name.endswith("bias"):
                    noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
                    weight.data.add_(0.3 * noise)
    return network


def leaves(y: object) -> list[Tensor]:
    flat = pytree.tree_leaves(y, is_leaf=lambda part: isinstance(part, SetBatch))
    return [part.values if isinstance(part, SetBatch) else part for part in flat]


@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("name", ZOO)
def test_at_the_start_it_computes_what_the_model_computes(name: str, alignment: str) -> None:
    model, network, x = converted(name, alignment=alignment)
    expected = by_element(model, x)
    padded = torch.where(MASK.reshape(2, 3, *[1] * (x.dim() - 2)), x, torch.nan)
    ragged = SetBatch.from_list([x[0][MASK[0]], x[1]])
    for target, dense, masked, rows in zip(
        expected, *map(leaves, (network(x), network(padded, MASK), network(ragged))), strict=True
    ):
        assert torch.allclose(dense, target, atol=1e-12)
        assert torch.allclose(masked[MASK], target[MASK], atol=1e-12)
        assert not masked[~MASK].any()
        assert torch.allclose(rows, target[MASK], atol=1e-12)


@settings(max_examples=5, deadline=None, derandomize=True)
@given(data=st.data())
@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("name", ZOO)
def test_at_the_start_sets_of_all_sizes_and_holes_are_the_model(
    name: str, alignment: str, data: st.DataObject
) -> None:
    model, network, x = converted(name, alignment=alignment)
    batch, size = data.draw(st.integers(1, 3), "B"), data.draw(st.integers(1, 4), "N")
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 999), "seed"))
    x = torch.randn(batch, size, *x.shape[2:], generator=generator, dtype=x.dtype)
    mask = torch.rand(batch, size, generator=generator) < 0.6
    mask[:, size - 1] = True
    padded = torch.where(mask.reshape(batch, size, *[1] * (x.dim() - 2)), x, torch.nan)
    ragged = SetBatch.from_list([one[there] for one, there in zip(x, mask, strict=True)])
    for target, masked, rows in zip(
        by_element(model, x), *map(leaves, (network(padded, mask), network(ragged))), strict=True
    ):
        assert torch.allclose(masked[mask], target[mask], atol=1e-12)
        assert torch.allclose(rows, target[mask], atol=1e-12)


@pytest.mark.parametrize("name", ZOO)
def test_the_start_is_not_the_model_for_other_weights_of_the_mean(name: str) -> None:
    """The negative control of the start."""
    model, network, x = converted(name)
    actual = leaves(moved(network)(x))[0]
    assert not torch.allclose(actual, by_element(model, x)[0], atol=1e-3)


@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("name", ZOO)
def test_then_it_is_a_network_of_sets(name: str, alignment: str) -> None:
    _, network, x = converted(name, alignment=alignment)
    y = leaves(moved(network)(x))[0]
    order = torch.tensor([2, 0, 1])
    assert torch.allclose(leaves(network(x[:, order]))[0], y[:, order], atol=1e-12)
    other = x.clone()
    other[:, 2] += 1
    assert not torch.allclose(leaves(network(other))[0][:, :2], y[:, :2], atol=1e-6)
    padded = torch.where(MASK.reshape(2, 3, *[1] * (x.dim() - 2)), x, torch.nan)
    ragged = leaves(network(SetBatch.from_list([x[0][MASK[0]], x[1]])))[0]
    assert torch.allclose(leaves(network(padded, MASK))[0][MASK], ragged, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_one_layer_is_the_centred_layer(bias: bool) -> None:
    x = images()
    layer = DSS("translations", 2, 3, kernel_size=3, aggregation="centered", bias=bias).double()
    conv = nn.Conv2d(2, 3, 3, padding=1, bias=bias).double()
    network = moved(set_aware(conv, "translations"))
    with torch.no_grad():
        layer.siamese.weight.copy_(network.network.local.weight)
        layer.aggregate.weight.copy_(network.network.common.weight)
        if bias:
            layer.aggregate.bias.copy_(network.network.local.bias)
    assert torch.allclose(network(x), layer(x), atol=1e-12)


def test_independent_alignment_commutes_with_a_shift_of_each_element() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular"),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 3, 3, padding=1, padding_mode="circular"),
    ).double()
    x = images()

    def shifted(x: Tensor, steps: list[int]) -> Tensor:
        return torch.stack([x[:, i].roll(s, -1) for i, s in enumerate(steps)], 1)

    errors = {}
    for alignment in ("shared", "independent"):
        network = moved(set_aware(model.eval(), "translations", alignment=alignment))
        for steps in ([3, 3, 3], [1, 4, 0]):
            actual, expected = network(shifted(x, steps)), shifted(network(x), steps)
            errors[alignment, len(set(steps))] = float((actual - expected).detach().abs().max())
    assert max(errors["shared", 1], errors["independent", 1], errors["independent", 3]) < 1e-12
    assert errors["shared", 3] > 1e-3  # the control: shared alignment has no such symmetry


def test_every_weight_learns_and_the_model_does_not_change() -> None:
    model, network, x = converted("residual network")
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        (network(x) ** 2).sum().backward()
        optimizer.step()
    without = [n for n, p in network.named_parameters() if not p.grad.abs().sum() > 0]
    assert not without, without
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    count = sum(p.numel() for p in network.parameters())
    weights = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    assert count == sum(p.numel() for p in model.parameters()) + weights


def test_padding_does_not_count_in_batch_statistics() -> None:
    model, _, x = converted("residual network")
    padded = torch.where(MASK[..., None, None, None], x, torch.nan)
    one, two = (moved(set_aware(model, "translations")).train() for _ in range(2))
    y = one(padded, MASK)
    rows = two(SetBatch.from_list([x[0][MASK[0]], x[1]])).values
    assert torch.allclose(y[MASK], rows, atol=1e-12)
    for a, b in zip(one.buffers(), two.buffers(), strict=True):
        assert torch.allclose(a.double(), b.double(), atol=1e-12)


def test_absent_elements_have_no_gradient_where_zeros_would_be_nan() -> None:
    class Unit(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(5, 2, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            y = self.linear(x)
            return y / y.norm(dim=1, keepdim=True)

    network = set_aware(Unit().double(), "trivial")
    network(vectors(), MASK).sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())


def test_a_layer_that_is_used_twice_stays_one_layer() -> None:
    _, network, _ = converted("one layer twice")
    assert network.network.first is network.network.second
    assert network.converted == ("first",)
    assert network.by_element == ("norm", "act")


def test_tied_weights_stay_tied() -> None:
    model = nn.Sequential(nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 5))
    model[2].weight = model[0].weight
    network = set_aware(model, "trivial").network
    assert network[0].common.weight is network[2].common.weight
    assert network[0].local.weight is network[2].local.weight
    assert network[0].common.weight is not network[0].local.weight
    assert network[0].common.bias is network[0].local.bias


def test_copies_pickles_and_states_give_the_same_numbers() -> None:
    _, network, x = converted("residual network")
    expected = moved(network)(x)
    assert torch.equal(copy.deepcopy(network)(x), expected)
    assert torch.equal(pickle.loads(pickle.dumps(network))(x), expected)
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    other = converted("residual network")[1]
    assert not torch.allclose(other(x), expected)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(x), expected)


@pytest.mark.slow
def test_it_is_saved_by_its_weights_and_has_no_description() -> None:
    _, network, _ = converted(next(iter(ZOO)))
    with pytest.raises(DescriptionError, match=r"got SetAware.*their weights by state_dict"):
        to_dict(network)


def test_compile_and_export_give_the_same_numbers() -> None:
    _, network, x = converted("perceptron")
    expected = moved(network)(x)
    compiled = torch.compile(network, fullgraph=True)
    assert torch.allclose(compiled(x), expected, atol=1e-10)
    assert torch.allclose(compiled(x, MASK), network(x, MASK), atol=1e-10)
    exported = torch.export.export(network, (x,)).module()
    assert torch.allclose(exported(x), expected, atol=1e-10)


def test_layers_choose_what_becomes_a_layer_of_sets() -> None:
    model, network, x = converted("residual network", layers=["body.1.*", "head"])
    assert network.converted == ("body.1.conv1", "body.1.conv2", "body.1.shortcut", "head")
    assert "stem" in network.by_element
    assert torch.allclose(network(x), by_element(model, x)[0], atol=1e-12)
    with pytest.raises(OptionError, match=r"layers='tail', which matches no .*'stem'"):
        set_aware(model, "translations", layers=["head", "tail"])


class Positional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.randn(5))
        self.linear = nn.Linear(5, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x + self.offset)[:, None]
        return self.attention(y, y, y, need_weights=False)[0][:, 0]


def test_what_cannot_be_converted_is_named() -> None:
    model = nn.Sequential(Positional(), nn.ReLU()).double()
    with pytest.raises(FeatureTypeError, match=r"0 \(Positional\), 0.attention \(Multi"):
        set_aware(model, "trivial")
    network = set_aware(model, "trivial", layers="*")
    assert (network.converted, network.by_element) == (("0.linear",), ("0", "0.attention"))
    assert torch.allclose(network(vectors()), by_element(model, vectors())[0], atol=1e-12)
    with pytest.raises(FeatureTypeError, match="found no linear map"):
        set_aware(nn.Conv2d(1, 1, 1), "trivial")
    with pytest.raises(FeatureTypeError, match=r"cannot convert 1 \(Conv3d\)"):
        set_aware(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv3d(1, 1, 1)), "translations")


class Turned(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.linear, self.how = nn.Linear(5, 5), how

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "turned":
            return self.linear(x.T.new_ones(5, 5))
        if self.how == "read":
            return nn.functional.linear(x, self.linear.weight)
        return self.linear(x).sum(0)


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ("turned", ShapeError, r"layer 'linear' got \(5, 5\), expected 6 rows"),
        ("read", FeatureTypeError, "reads the weight of its layer 'linear'"),
        ("summed", ShapeError, r"returned a tensor \(5,\) for 6 elements"),
    ],
)
def test_networks_that_mix_rows_are_refused(how: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        set_aware(Turned(how).double(), "trivial")(vectors())


def test_a_layer_outside_of_its_network_and_bad_arguments() -> None:
    model, network, x = converted("residual network")
    with pytest.raises(ShapeError, match="layer 'stem' was called outside"):
        network.network(x.flatten(0, 1))
    broken = set_aware(Turned("turned").double(), "trivial")
    with pytest.raises(ShapeError, match="expected 6 rows"):  # also after an error inside
        broken(vectors())
    assert broken.calls.current is None
    with pytest.raises(FeatureTypeError, match="alignment='both'"):
        set_aware(model, "translations", alignment="both")
    with pytest.raises(OptionError, match=r"expected a torch\.nn\.Module"):
        set_aware(model.forward, "translations")


def test_training_mode_is_that_of_the_model() -> None:
    assert not set_aware(trained(ResNet), "translations").training
    assert set_aware(Shared(), "translations").training


def test_parts_keep_modes_of_their_own() -> None:
    model = trained(ResNet).train()
    model.body[0].bn1.eval()
    network = set_aware(model, "translations")
    assert network.training
    assert not network.network.body[0].bn1.training
    assert network.network.body[0].conv1.common.training
