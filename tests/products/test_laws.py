"""Products keep the laws without anything being declared, and a broken factor breaks them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from eqsets import FeatureType, GeneratedSymmetry, Sets, element_group
from eqsets.generated import PermutationFeatures
from eqsets.symmetry import ElementSymmetry
from eqsets.testing import ContractSpec, Layer, check, parametrize_with_checks


def turns() -> GeneratedSymmetry:
    return GeneratedSymmetry(lie_algebra=[[[0.0, -1.0], [1.0, 0.0]]])


COLOURS = element_group("symmetric", size=3) * element_group("translations", dims=1)
COMPLETE = element_group("symmetric", size=2) * element_group(
    "translations", dims=1, padding_mode="circular", grid=4
)
PRODUCTS = [
    COLOURS,
    COMPLETE,
    element_group("symmetric", size=2) * element_group("cyclic", size=3),
    turns() * element_group("cyclic", size=2),
]


@pytest.mark.slow
@parametrize_with_checks(PRODUCTS, profile="quick")
def test_laws(check):
    check()


LAYERS = ["EQL01-linear-equivariance", "EQL02-linear-is-affine", "EQL03-invariant"]
LAYERS += ["EQL04-embedding", "EQL05-norm", "EQL06-nonlinearity", "EQL07-dropout"]


def typed(product: ElementSymmetry, *specs: object) -> ContractSpec:
    """Return the record of types that are not the plain ones of the first factor."""
    types = tuple(product.feature_type(spec) for spec in specs)
    layers = tuple(Layer(kind, kind) for kind in types)
    return ContractSpec(str(product), symmetry=product, types=types, layers=layers)


VARIETY: list[ElementSymmetry | ContractSpec] = [
    element_group("symmetric", size=3) * element_group("spatial"),
    element_group("permutations", nodes=3) * element_group("spatial"),
    element_group("symmetric", size=2) * element_group("planar", grid=3),
    element_group("symmetric", size=2) * element_group("permutations", nodes=3),
    turns() * turns(),
    typed(turns() * element_group("symmetric", size=2), (1, 1), ("1 trivial", 2)),
    typed(element_group("symmetric", size=2) * turns(), ("1 pairs", 1), ("1 trivial", 1)),
]


@pytest.mark.slow
@pytest.mark.parametrize("product", VARIETY, ids=str)
def test_laws_of_layers(product: ElementSymmetry | ContractSpec) -> None:
    only = [*LAYERS, "EQC01-linear-is-complete", "EQA02-homomorphism", "EQL12-set-joint"]
    report = check(product, profile="quick", only=only)
    assert report.ok, report


def test_nothing_is_skipped_for_want_of_a_claim() -> None:
    report = check(
        COMPLETE, profile="quick", only=["EQC01-linear-is-complete", "EQA02-homomorphism"]
    )
    assert [result.status for result in report.results] == ["passed", "passed"]


@pytest.mark.slow
def test_compiles_and_exports() -> None:
    free = element_group("permutations", nodes=3) * element_group("cyclic", size=2)
    for product in (PRODUCTS[2], free):
        report = check(product, only=["EQD08-compiles-whole", "EQD10-exports"])
        assert [result.status for result in report.results] == ["passed"] * 2, report


# Each control is a ring of which one thing is broken, wherever it stands in a product.


class Ring(GeneratedSymmetry):
    def __init__(self) -> None:
        super().__init__(permutations=[[1, 2, 0]])


class Dense(nn.Module):
    """Weights that are not shared along an orbit."""

    def __init__(self, in_type: FeatureType, out_type: FeatureType) -> None:
        super().__init__()
        self.out_type = out_type
        self.weight = nn.Parameter(torch.randn(3 * in_type.channels, 3 * out_type.channels))

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1) @ self.weight).reshape(-1, 3, self.out_type.channels)


class DenseRing(Ring):
    def linear(self, in_type, out_type, *, bias=True, **options):  # type: ignore[no-untyped-def]
        return Dense(in_type, out_type)


class FirstPoint(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0]


class PeekingRing(Ring):
    def invariant(self, in_type):  # type: ignore[no-untyped-def]
        return FirstPoint(in_type.channels)


class Backwards(PermutationFeatures):
    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        return super().transform(self.group.inverse(g), x)


class BackwardsSymmetry(GeneratedSymmetry):
    def __init__(self) -> None:
        super().__init__(permutations=[[1, 2, 0], [1, 0, 2]])

    def feature_type(self, spec):  # type: ignore[no-untyped-def]
        if isinstance(spec, FeatureType):
            return spec
        return Backwards(int(spec), self.group, (3,))


class WrongGroup(type(element_group("cyclic", size=3).group)):  # type: ignore[misc]
    def inverse(self, g: Tensor) -> Tensor:
        return g


class WrongGroupRing(Ring):
    @property
    def group(self):  # type: ignore[no-untyped-def]
        return WrongGroup([torch.tensor([1, 2, 0])])


BROKEN = [
    (DenseRing, "EQL01-linear-equivariance"),
    (PeekingRing, "EQL03-invariant"),
    (BackwardsSymmetry, "EQA02-homomorphism"),
    (WrongGroupRing, "EQG02-inverse"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("broken", "law"), BROKEN, ids=lambda part: getattr(part, "__name__", ""))
@pytest.mark.parametrize("position", ["first", "second", "member"])
def test_a_broken_factor_breaks_the_product(
    broken: Callable[[], ElementSymmetry], law: str, position: str
) -> None:
    good = element_group("symmetric", size=2)
    built = {
        "first": lambda: broken() * good,
        "second": lambda: good * broken(),
        "member": lambda: Sets(broken(), size=2),
    }
    assert not check(built[position](), profile="quick", only=law).ok
    assert check(Ring() * good, profile="quick", only=law).ok
    assert check(Sets(Ring(), size=2), profile="quick", only=law).ok


def test_the_tolerance_is_the_larger_one() -> None:
    loose = element_group("planar", rotations=8)
    assert (element_group("symmetric", size=2) * loose).tolerance == loose.tolerance
    assert (loose * element_group("symmetric", size=2)).tolerance == loose.tolerance
