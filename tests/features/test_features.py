"""Feature types: shapes are checked from metadata, and defaults say what a type lacks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from eqsets import FeatureType, FeatureTypeError, InvariantFeatures, ShapeError
from eqsets.features import TypeOwner, require_same_type
from eqsets.symmetry import ElementSymmetry


class Pair(FeatureType):
    """Two numbers that an element, 0 or 1, exchanges: no channel axis, nothing else defined."""

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.where(g[..., None] == 1, x.flip(-1), x)

    def sample(
        self,
        *batch: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        return torch.randn(*batch, 2, generator=generator, dtype=dtype)


class Images(Pair):
    @property
    def layout(self) -> tuple[int | str, ...]:
        return (3, "H", "W")


def test_two_methods_make_a_type() -> None:
    pair = Pair()
    assert pair.layout == (2,)
    assert pair.channels == 1
    assert pair.describe(("B", "N")) == "(B, N, 2)"
    assert pair.describe() == "(2,)"
    assert pair.owner is None
    assert torch.equal(pair.interior(torch.ones(2)), torch.ones(2))


@pytest.mark.parametrize(
    ("shape", "match"),
    [
        ((4, 2), r"shape \(E, 3, H, W\), got \(4, 2\): 2 axes instead of 4"),
        ((4, 1, 5, 5), r"1 instead of 3 on axis 1"),
    ],
)
def test_shapes_that_do_not_fit(shape: tuple[int, ...], match: str) -> None:
    with pytest.raises(ShapeError, match=match):
        Images().check(torch.ones(shape), ("E",), "a layer")


def test_free_sizes_take_any_size_and_checks_read_no_values() -> None:
    Images().check(torch.ones(4, 3, 5, 7), ("E",), "a layer")
    Images().check(torch.ones(4, 3, 5, 7, device="meta"), ("E",), "a layer")
    with pytest.raises(ShapeError, match=r"got list. Convert it with torch.as_tensor"):
        Images().check([1.0], ("E",), "a layer")  # type: ignore[arg-type]


def test_the_hint_of_the_caller_is_shown() -> None:
    with pytest.raises(ShapeError, match=r"Set in_features=1\."):
        Images().check(torch.ones(2), ("E",), "a layer", "Set in_features=1.")


def test_what_a_type_without_channels_lacks() -> None:
    with pytest.raises(FeatureTypeError, match="cannot be given 3 channels"):
        Pair().with_channels(3)
    with pytest.raises(FeatureTypeError, match="no channel axis"):
        Pair().concatenate([torch.ones(2)])
    with pytest.raises(FeatureTypeError, match="has no dual type"):
        _ = Pair().dual


def test_invariants_are_values() -> None:
    three = InvariantFeatures(3)
    assert three == InvariantFeatures(2).with_channels(3)
    assert hash(three) == hash(InvariantFeatures(3))
    assert (str(three), three.spec, three.dual) == ("3 invariants", "3 trivial", three)
    x = torch.arange(3.0)
    assert three.transform(torch.zeros(()), x) is x
    first, second = x[:2], x[2:]
    assert torch.equal(three.concatenate([first, second]), x)


def test_types_that_differ_are_both_named() -> None:
    require_same_type(InvariantFeatures(3), InvariantFeatures(3), "a chain")
    with pytest.raises(FeatureTypeError, match=r"a chain got .*count=2.*expected .*count=3"):
        require_same_type(InvariantFeatures(2), InvariantFeatures(3), "a chain")


def test_every_symmetry_can_own_types() -> None:
    """The protocol names nothing that ElementSymmetry lacks."""
    names = [name for name in vars(TypeOwner) if not name.startswith("_")]
    assert names == ["group", "feature_type"]
    assert all(hasattr(ElementSymmetry, name) for name in names)
