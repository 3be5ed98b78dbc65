"""What cannot be written down, and descriptions that are damaged: messages say where and what."""

from __future__ import annotations

import contextlib
import copy
import io
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import eqsets
from eqsets import (
    DSS,
    DescriptionError,
    ElementSymmetry,
    EqsetsError,
    GeneratedSymmetry,
    PluginError,
    SetNetwork,
    from_dict,
    to_dict,
)
from eqsets.generated import cyclic
from eqsets.groups import CyclicGroup, ProductGroup

GOOD = to_dict(SetNetwork("trivial", [2, 3, 3], readout=2, aggregation="mean"))


@dataclass(frozen=True)
class Private(ElementSymmetry):
    """A symmetry that no plugin registers."""

    group = cyclic(3).group

    def feature_type(self, spec: Any) -> Any:
        return cyclic(3).feature_type(spec)


def edited(**entries: Any) -> dict[str, Any]:
    return {**copy.deepcopy(GOOD), **entries}


def argued(**entries: Any) -> dict[str, Any]:
    return edited(arguments={**GOOD["arguments"], **entries})


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ([], r"the description is \[\], expected a dict"),
        ({}, "the description has no 'format'"),
        (edited(format=2), "format is 2, expected 1. Update eqsets"),
        (edited(format=True), "format is True, expected int"),
        (edited(kind="SetNetwrk"), "kind is 'SetNetwrk': .*Did you mean 'SetNetwork'"),
        (edited(element_group="trivial"), "element_group is 'trivial', expected dict"),
        (argued(features=[2, 3.5]), r"arguments.features\[1\] is 3.5, expected a feature type"),
        (
            argued(features=[{"invariants": "3"}]),
            r"arguments.features\[0\].invariants is '3', expected int",
        ),
        (argued(features=[2]), "SetNetwork: .*expected at least two"),
        (argued(aggregation=3), "arguments.aggregation is 3, expected the name"),
        (edited(options=[1]), r"options is \[1\], expected dict"),
        (edited(options={"stride": 2}), "SetNetwork: .*stride"),
        (argued(surplus=1), "SetNetwork: .*surplus"),
        (argued(readout=-1), "SetNetwork: Readout got out_features=-1"),
        (
            edited(element_group={"name": "cyclic", "options": {"size": -1}}),
            "element_group: .*got the size -1",
        ),
        (
            edited(element_group={"name": "cyclic", "options": {"sise": 1}}),
            "element_group: .*sise",
        ),
        ({"format": 1, "kind": "SetSequential", "modules": [3]}, r"modules\[0\] is 3"),
        ({"format": 1, "kind": "feature type", "spec": None}, "spec is None"),
        (
            {"format": 1, "kind": "element group", "element_group": {"generators": {}}},
            "element_group.generators has no 'points'",
        ),
    ],
)
def test_damaged_descriptions_are_refused(plain: Any, message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        from_dict(plain)


def test_an_unknown_plugin_is_named_with_its_distribution() -> None:
    unknown = {"name": "necklaces", "distribution": "bead-shop", "options": {}}
    with pytest.raises(PluginError, match=r"element_group: .*'necklaces'.*'bead-shop'"):
        from_dict(edited(element_group=unknown))
    with pytest.raises(PluginError, match="'mode'"):
        from_dict(argued(aggregation="mode"))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted({**GOOD, **GOOD["arguments"]})), JUNK)
def test_junk_never_ends_in_another_error(entry: str, junk: Any) -> None:
    edit = edited if entry in GOOD else argued
    with contextlib.suppress(EqsetsError):
        from_dict(edit(**{entry: junk}))


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (torch.nn.Linear(2, 2), "got Linear, expected a feature type"),
        (eqsets.nn.SetSequential(torch.nn.ReLU()), r"modules\[0\] got ReLU"),
        (Private(), "Private.* is not what an installed plugin provides by name"),
        (
            GeneratedSymmetry(group=ProductGroup(CyclicGroup(2), CyclicGroup(3))),
            "has the group Product",
        ),
        (DSS("permutations", 2, 2, conv=lambda a, b: torch.nn.Linear(a, b)), "options.conv is"),
        (DSS("permutations", 2, 2, conv="gcn"), None),
    ],
)
def test_what_has_no_name_is_refused(described: Any, message: str | None) -> None:
    if message is None:
        assert to_dict(described)["options"] == {"conv": "gcn"}
        return
    with pytest.raises(DescriptionError, match=message):
        to_dict(described)


def test_files_that_are_none_are_refused() -> None:
    for content in (
        b"",
        b"no file of torch",
        _saved([1]),
        _saved({"eqsets": "{", "state_dict": {}}),
    ):
        with pytest.raises(DescriptionError, match="is no file of eqsets"):
            eqsets.load(io.BytesIO(content))


def test_weights_must_fit_what_is_described() -> None:
    layer = DSS("trivial", 2, 3)
    layer.siamese = torch.nn.Identity()
    with pytest.raises(DescriptionError, match=r"differs .* in \['siamese"):
        eqsets.save(layer, io.BytesIO())
    held = io.BytesIO()
    eqsets.save(DSS("trivial", 2, 3), held)
    held.seek(0)
    content = torch.load(held, weights_only=True)
    content["state_dict"].popitem()
    with pytest.raises(DescriptionError, match="weights do not fit the architecture"):
        eqsets.load(io.BytesIO(_saved(content)))


def _saved(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()
