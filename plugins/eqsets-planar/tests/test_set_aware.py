"""Networks of escnn as networks of sets of images."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from eqsets import set_aware
from eqsets.set_aware import SetAwareLayer
from eqsets_planar.steerable.escnn_interface import load


def build(wrapped: bool) -> nn.Module:
    """Return a small network of escnn, on its own tensors or on plain ones."""
    gspaces, enn = load()
    space = gspaces.rot2dOnR2(4)
    image = enn.FieldType(space, [space.trivial_repr] * 2)
    hidden = enn.FieldType(space, [space.regular_repr, space.irrep(1), space.regular_repr])
    regular = enn.FieldType(space, 3 * [space.regular_repr])
    torch.manual_seed(0)
    body = enn.SequentialModule(
        enn.R2Conv(image, regular, 3, padding=1),
        enn.InnerBatchNorm(regular),
        enn.ReLU(regular),
        enn.R2Conv(regular, hidden, 3, padding=1),
    ).double()
    if not wrapped:
        return body.eval()

    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = body

        def forward(self, x: Tensor) -> Tensor:
            return self.body(enn.GeometricTensor(x, image)).tensor

    return Wrapped().eval()


def sets() -> Tensor:
    return torch.randn(2, 3, 2, 7, 7, generator=torch.Generator().manual_seed(0)).double()


def moved(network: nn.Module) -> nn.Module:
    network.train()  # escnn keeps the filters of evaluation mode
    for layer in network.modules():
        if isinstance(layer, SetAwareLayer):
            for name, weight in layer.common.named_parameters():
                if not name.endswith("bias"):
                    weight.data.add_(0.5 * torch.randn_like(weight))
    return network.eval()


@pytest.mark.parametrize("alignment", ["shared", "independent"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_at_the_start_it_computes_what_the_model_computes(wrapped: bool, alignment: str) -> None:
    model, x = build(wrapped), sets()
    network = set_aware(model, "planar", alignment=alignment)
    assert len(network.converted) == 2
    given = x.flatten(0, 1) if wrapped else model.in_type(x.flatten(0, 1))
    expected = model(given)
    expected = expected if wrapped else expected.tensor
    assert torch.allclose(network(x).flatten(0, 1), expected, atol=1e-10)
    assert not torch.allclose(moved(network)(x).flatten(0, 1), expected, atol=1e-3)  # the control


@pytest.mark.parametrize("alignment", ["shared", "independent"])
def test_then_it_is_equivariant(alignment: str) -> None:
    torch.manual_seed(1)
    network = moved(set_aware(build(True), "planar", alignment=alignment))
    x, out = sets(), network.network.body[3].local.out_type

    def turned(x: Tensor, turns: list[int], kind) -> Tensor:
        group = kind.gspace.fibergroup
        return torch.stack(
            [kind(x[:, i]).transform(group.element(t)).tensor for i, t in enumerate(turns)], 1
        )

    y = network(x)
    order = torch.tensor([2, 0, 1])
    assert torch.allclose(network(x[:, order]), y[:, order], atol=1e-10)
    image = network.network.body[0].local.in_type
    for turns in ([1, 1, 1], [1, 3, 2]):
        actual, expected = network(turned(x, turns, image)), turned(y, turns, out)
        error = float((actual - expected).detach().abs().max())
        if alignment == "shared" and len(set(turns)) > 1:
            assert error > 1e-3  # the control: shared alignment has no such symmetry
        else:
            assert error < 1e-5
    other = x.clone()
    other[:, 2] += 1
    assert not torch.allclose(network(other)[:, :2], y[:, :2], atol=1e-6)
