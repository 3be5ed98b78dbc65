"""The core's own symmetries keep all laws, and networks of theirs do."""

from __future__ import annotations

import pytest

from eqsets import SetNetwork, deep_sets, element_group
from eqsets.testing import check, parametrize_with_checks

NAMES = ["trivial", "cyclic", "dihedral", "symmetric", "grid-rotations"]


@parametrize_with_checks(NAMES, profile="quick")
def test_laws(check):
    check()


@pytest.mark.parametrize("name", NAMES)
def test_compiles_and_exports(name: str) -> None:
    # the C++ compiler is as slow for one group as for the other: once is enough
    code = ["EQD09-compiles-to-code"] if name == "cyclic" else []
    report = check(name, only=["EQD08-compiles-whole", "EQD10-exports", *code])
    assert [result.status for result in report.results] == ["passed"] * (2 + len(code)), report


def ring_network(**options: object) -> SetNetwork:
    return SetNetwork(element_group("cyclic", size=4), [1, 2, 2], **options)


MODELS = {
    "scores": deep_sets([3, 4, 1], aggregation="max"),
    "reads out": ring_network(readout=2, normalization="batch", aggregation="mean"),
    "pools": ring_network(set_pool="max", alignment="independent"),
}


@parametrize_with_checks(MODELS.values(), profile="quick")
def test_laws_of_models(check):
    check()
