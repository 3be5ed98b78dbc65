"""No filter is stale after any way of writing weights; ``freeze`` gives the same outputs."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from eqsets import DSS, SetNetwork, equivariance_error
from eqsets_planar import FrozenConv, Planar, SteerableConv, freeze


def network() -> SetNetwork:
    torch.manual_seed(0)
    return SetNetwork(Planar(4), [3, "2 regular", "2 regular"], kernel_size=3, readout=2).eval()


def images() -> Tensor:
    return torch.randn(2, 3, 3, 9, 9, generator=torch.Generator().manual_seed(1))


def by_vector(model: nn.Module) -> None:
    vector_to_parameters(parameters_to_vector(model.parameters()) * 3, model.parameters())


def by_assignment(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.data = parameter.data * 3


def in_place(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.data.mul_(3)


def by_swapping(model: nn.Module) -> None:
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(parameter.detach() * 3))


def by_loading(model: nn.Module) -> None:
    model.load_state_dict({name: 3 * value for name, value in model.state_dict().items()})


def through_numpy(model: nn.Module) -> None:
    for parameter in model.parameters():
        array = parameter.detach().numpy()
        array *= 3


WRITES = [by_vector, by_assignment, in_place, by_swapping, by_loading, through_numpy]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_weights_that_are_written_are_used(
    write: Callable[[nn.Module], None], mode: Callable[[], object]
) -> None:
    model, x = network(), images()
    with torch.no_grad():
        before = model(x)
    write(model)
    with torch.no_grad():
        after = model(x)
        assert torch.equal(after, copy.deepcopy(model)(x))
        assert not torch.allclose(after, before, rtol=0.1)


def test_functional_call_uses_its_weights() -> None:
    conv = DSS(Planar(8), 3, "2 regular").siamese.eval()
    x = torch.randn(1, 3, 9, 9)
    with torch.no_grad():
        conv(x)
        zeros = {name: torch.zeros_like(p) for name, p in conv.named_parameters()}
        assert float(torch.func.functional_call(conv, zeros, x).abs().max()) == 0.0
        assert float(conv(x).abs().max()) > 0.0


def test_frozen_network_has_the_same_outputs_and_no_weights_to_differ_from() -> None:
    model, x = network(), images()
    frozen = freeze(model)
    assert torch.equal(frozen(x), model(x))
    convs = [module for module in frozen.modules() if isinstance(module, FrozenConv)]
    assert convs
    assert not any(isinstance(module, SteerableConv) for module in frozen.modules())
    assert not any(list(conv.parameters()) for conv in convs)
    with pytest.raises(RuntimeError, match="Missing key"):
        frozen.load_state_dict(model.state_dict())
    by_assignment(model)
    assert not torch.allclose(frozen(x), model(x), rtol=0.1), "the copy shares nothing"
    torch.testing.assert_close(frozen.double()(x.double()).float(), frozen.float()(x))


def test_frozen_layer_is_equivariant_and_keeps_every_option() -> None:
    symmetry = Planar(4, reflections=True)
    layer = DSS(
        symmetry, 2, "2 regular", kernel_size=5, stride=2, padding_mode="reflect", bias=True
    ).double()
    nn.init.normal_(layer.aggregate.bias)
    frozen = freeze(layer)
    assert equivariance_error(frozen, layer.in_type, layer.out_type).max < 1e-14
    x = layer.in_type.sample(2, 3, dtype=torch.float64)
    torch.testing.assert_close(frozen(x), layer(x))
    with pytest.raises(ValueError, match="Expected sides such as 7 or 9"):
        frozen(torch.randn(1, 2, 2, 8, 8, dtype=torch.float64))


def test_a_convolution_under_two_names_stays_one() -> None:
    conv = DSS(Planar(4), 1, 1).siamese
    pair = nn.ModuleDict({"first": conv, "second": conv})
    frozen = freeze(pair)
    assert isinstance(frozen["first"], FrozenConv)
    assert frozen["first"] is frozen["second"]


def test_fine_tuning_in_eval_mode_has_gradients() -> None:
    model, x = network(), images()
    model(x).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
