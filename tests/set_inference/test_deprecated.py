"""``eqsets.bursts``, the old name, still answers for one version."""

from __future__ import annotations

import pytest

import eqsets.bursts
import eqsets.set_inference


@pytest.mark.parametrize("name", ["SetInference", "average_element"])
def test_the_old_name_warns_and_is_the_same(name: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"eqsets.set_inference.{name}"):
        result = getattr(eqsets.bursts, name)
    assert result is getattr(eqsets.set_inference, name)


def test_other_names_are_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        eqsets.bursts.nothing  # noqa: B018
