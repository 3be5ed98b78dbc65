"""Networks of e3nn as networks of sets of steerable vectors."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from eqsets import set_aware
from eqsets.set_aware import SetAwareLayer

e3nn = pytest.importorskip("e3nn")

IRREPS = "3x0e + 2x1o"


def build() -> nn.Module:
    from e3nn import o3
    from e3nn.nn import BatchNorm, NormActivation

    torch.manual_seed(0)
    return nn.Sequential(
        o3.Linear(IRREPS, "4x0e + 3x1o", biases=True),
        BatchNorm("4x0e + 3x1o"),
        NormActivation("4x0e + 3x1o", torch.sigmoid),
        o3.Linear("4x0e + 3x1o", "2x0e + 1x1o"),
    ).eval()


def sets() -> Tensor:
    return torch.randn(2, 3, 9, generator=torch.Generator().manual_seed(0))


def moved(network: nn.Module) -> nn.Module:
    for layer in network.modules():
        if isinstance(layer, SetAwareLayer):
            for name, weight in layer.common.named_parameters():
                if not name.endswith("bias"):
                    weight.data.add_(0.5 * torch.randn_like(weight))
    return network


@pytest.mark.parametrize("alignment", ["shared", "independent"])
def test_at_the_start_it_computes_what_the_model_computes(alignment: str) -> None:
    model, x = build(), sets()
    network = set_aware(model, "spatial", alignment=alignment)
    assert (network.converted, network.by_element) == (("0", "3"), ("1",))
    expected = model(x.flatten(0, 1))
    assert torch.allclose(network(x).flatten(0, 1), expected, atol=1e-6)
    assert not torch.allclose(moved(network)(x).flatten(0, 1), expected, atol=1e-3)  # the control


@pytest.mark.parametrize("alignment", ["shared", "independent"])
def test_then_it_is_equivariant(alignment: str) -> None:
    from e3nn import o3

    torch.manual_seed(1)
    network = moved(set_aware(build(), "spatial", alignment=alignment))
    x = sets()
    y = network(x)
    order = torch.tensor([2, 0, 1])
    assert torch.allclose(network(x[:, order]), y[:, order], atol=1e-5)
    rotations = o3.rand_matrix(3)
    for turns in (rotations[[0, 0, 0]], rotations):
        a, b = (o3.Irreps(kind).D_from_matrix(turns) for kind in (IRREPS, "2x0e + 1x1o"))
        actual = network(torch.einsum("nij,bnj->bni", a, x))
        error = float((actual - torch.einsum("nij,bnj->bni", b, y)).detach().abs().max())
        if alignment == "shared" and turns is rotations:
            assert error > 1e-3  # the control: shared alignment has no such symmetry
        else:
            assert error < 1e-4
    other = x.clone()
    other[:, 2] += 1
    assert not torch.allclose(network(other)[:, :2], y[:, :2], atol=1e-6)
