"""The public strategies: what they draw fits together, and the simplest example is not trivial."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eqsets.generated import dihedral
from eqsets.groups import CyclicGroup, OrthogonalGroup, TrivialGroup
from eqsets.testing import strategies

KIND = dihedral(4).feature_type(2)


@settings(max_examples=20, deadline=None, database=None)
@given(st.data())
def test_shapes_and_dtypes(data: st.DataObject) -> None:
    size = data.draw(strategies.set_sizes(1, 4))
    assert 1 <= size <= 4
    dtype = data.draw(strategies.dtypes())
    x = data.draw(strategies.sets(KIND, batch=3, sizes=st.just(size), dtype=dtype))
    assert (x.shape, x.dtype) == ((3, size, 4, 2), dtype)
    assert data.draw(strategies.element_tensors(KIND, 5)).shape == (5, 4, 2)
    order = data.draw(strategies.permutations(size))
    assert sorted(order.tolist()) == list(range(size))
    batch = data.draw(strategies.set_batches(KIND, batch=2))
    assert (len(batch), batch.values.shape[1:]) == (2, (4, 2))


@settings(max_examples=20, deadline=None, database=None)
@given(st.data(), st.booleans())
def test_masks_leave_no_set_empty(data: st.DataObject, prefix: bool) -> None:
    mask = data.draw(strategies.masks(3, 4, prefix=prefix))
    assert (mask.shape, mask.dtype) == ((3, 4), torch.bool)
    assert mask.any(1).all()
    if prefix:
        assert torch.equal(mask.sort(1, descending=True).values, mask)


@pytest.mark.parametrize(
    "group", [CyclicGroup(5), KIND.group, OrthogonalGroup(3, special=True), TrivialGroup()]
)
def test_group_elements_come_in_batches(group) -> None:
    @settings(max_examples=10, deadline=None, database=None)
    @given(strategies.group_elements(group, 2, 3))
    def drawn(g: torch.Tensor) -> None:
        assert g.shape == (2, 3, *group.element_shape)
        assert g.dtype == group.dtype

    drawn()


def test_the_simplest_examples_move_something() -> None:
    actual = []

    @settings(max_examples=1, deadline=None, database=None)
    @given(strategies.permutations(3), strategies.group_elements(CyclicGroup(5)))
    def simplest(order: torch.Tensor, g: torch.Tensor) -> None:
        actual.append((order.tolist(), int(g)))

    simplest()
    assert actual == [([1, 2, 0], 1)]
