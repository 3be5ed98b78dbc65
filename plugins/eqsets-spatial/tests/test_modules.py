"""Norms, gates, dropout, pooling and invariants: on vectors and on each point."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from eqsets import ElementSymmetry, FeatureTypeError, InvariantFeatures, element_group
from eqsets_spatial.features import IrrepsFeatures

SPECS = ["3x0e + 2x1o + 1x2e", "2x1o + 1x0o", "points: 3x0e + 2x1o + 1x2e", "1x1o + 2x0e + 1x1o"]
SPACE: ElementSymmetry = element_group("spatial")


def error(module: nn.Module, spec: str, out: object = None) -> float:
    """Return how far a module on rows is from equivariant, each row moved by its own g."""
    module = module.double().eval()
    generator = torch.Generator().manual_seed(1)
    source = SPACE.feature_type(spec)
    target = source if out is None else SPACE.feature_type(out)
    x = source.sample(6, generator=generator, dtype=torch.float64)
    g = SPACE.group.sample(6, generator=generator)
    y = target.transform(g, module(x))
    return float(((module(source.transform(g, x)) - y).norm() / y.norm()).detach())


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("kind", ["norm", "gate", "invariant"])
def test_module_is_equivariant(spec: str, kind: str) -> None:
    features = SPACE.feature_type(spec)
    if kind == "invariant":
        read = SPACE.invariant(features)
        assert error(read, spec, InvariantFeatures(read.features)) < 1e-12
        return
    module = SPACE.norm(features) if kind == "norm" else SPACE.nonlinearity(features, "silu")
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    assert error(module, spec) < 1e-12


def test_norm_brings_each_kind_to_unit_size() -> None:
    features = SPACE.feature_type("points: 8x0e + 8x1o")
    assert isinstance(features, IrrepsFeatures)
    x = features.sample(4, generator=torch.Generator().manual_seed(0))
    y = SPACE.norm(features)(x * torch.cat([torch.full((8,), 100.0), torch.full((24,), 0.1)]))
    for part in features.split(y):
        assert torch.allclose(part.square().mean((1, 2, 3)), torch.ones(4), atol=1e-2)
    assert SPACE.norm(SPACE.feature_type(4), "batch")(torch.randn(5, 4)).shape == (5, 4)


def test_gate_activates_scalars_and_keeps_directions() -> None:
    features = SPACE.feature_type("2x0e + 2x1o")
    gate = SPACE.nonlinearity(features, "relu")
    x = features.sample(5, generator=torch.Generator().manual_seed(0))
    y = gate(x)
    assert torch.equal(y[:, :2], x[:, :2].relu())
    before, after = (nn.functional.normalize(z[:, 2:].reshape(5, 2, 3), dim=-1) for z in (x, y))
    assert torch.allclose(before, after, atol=1e-6)


def test_gradient_at_zero_is_finite() -> None:
    for spec in SPECS:
        features = SPACE.feature_type(spec)
        x = torch.zeros_like(features.sample(2)).requires_grad_()
        gate, read = SPACE.nonlinearity(features), SPACE.invariant(features)
        (gate(x).sum() + read(x).sum()).backward()
        assert x.grad is not None
        assert x.grad.isfinite().all()


def test_dropout_drops_whole_copies() -> None:
    features = SPACE.feature_type("points: 40x1o")
    drop = SPACE.dropout(features, 0.5)
    x = torch.ones(2, 5, 120)
    y = drop(x).reshape(2, 5, 40, 3)
    assert ((y == 0) | (y == 2)).all()
    assert torch.equal(y, y[:, :1, :, :1].expand_as(y))
    assert 0 < y.count_nonzero() < y.numel()
    assert torch.equal(drop.eval()(x), x)
    with pytest.raises(FeatureTypeError, match="probability"):
        SPACE.dropout(features, 1.5)


@pytest.mark.parametrize("reduce", ["mean", "sum"])
def test_pool_gives_a_steerable_vector(reduce: str) -> None:
    pool = SPACE.pool(SPACE.feature_type("points: 2x0e + 1x1o"), reduce=reduce)
    assert str(pool.out_type) == "2x0e+1x1o"
    assert error(pool, "points: 2x0e + 1x1o", "2x0e + 1x1o") < 1e-12


def test_bad_pools_are_refused() -> None:
    with pytest.raises(FeatureTypeError, match="no pooling inside an element"):
        SPACE.pool(SPACE.feature_type("1x1o"))
    with pytest.raises(FeatureTypeError, match="choose one of 'mean', 'sum'"):
        SPACE.pool(SPACE.feature_type("points: 1x1o"), reduce="max")
    with pytest.raises(FeatureTypeError, match="stride"):
        SPACE.pool(SPACE.feature_type("points: 1x1o"), stride=2)


def test_invariants_are_scalars_and_lengths() -> None:
    read = SPACE.invariant(SPACE.feature_type("1x1o + 2x0e"))
    assert read.features == 3
    assert not read.linear
    assert torch.allclose(read(torch.tensor([[3.0, 0, 4, -1, 2]])), torch.tensor([[-1.0, 2, 5]]))
    assert SPACE.invariant(SPACE.feature_type(4)).linear
    clouds = SPACE.invariant(SPACE.feature_type("points: 4"))
    x = torch.randn(2, 6, 4)
    assert torch.allclose(clouds(x), x.mean(1))


def test_embedding_writes_into_scalars_only() -> None:
    features = SPACE.feature_type("1x1o + 2x0e")
    written: Tensor = SPACE.embed(3, features)(torch.randn(4, 3), like=torch.empty(4, 5))
    assert written.shape == (4, 5)
    assert written[:, :3].count_nonzero() == 0
    points = SPACE.embed(3, SPACE.feature_type("points: 1x1o + 2x0e"))
    assert points(torch.randn(4, 3), like=torch.empty(4, 7, 5)).shape == (4, 1, 5)
