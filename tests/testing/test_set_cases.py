"""What the cases of the contract say about a module."""

from __future__ import annotations

import pytest

from eqsets import DSS, SetNetwork
from eqsets.testing.cases.sets import selects


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (SetNetwork("trivial", [2, 3, 3], readout=1), True),
        (
            SetNetwork(
                "trivial", [2, 3, 3], readout=1, readout_aggregation="mean", readout_element="mean"
            ),
            False,
        ),
        (SetNetwork("trivial", [2, 3, 3], set_pool="max"), True),
        (SetNetwork("trivial", [2, 3, 3], aggregation="max"), True),
        (SetNetwork("trivial", [2, 3, 3]), False),
        (DSS("trivial", 2, 3, aggregation="max"), False),  # of its inputs, which are exact
    ],
    ids=["readout", "mean readout", "pool", "max", "network", "layer"],
)
def test_maxima_of_computed_features_are_known(module: DSS | SetNetwork, expected: bool) -> None:
    assert selects(module) is expected
