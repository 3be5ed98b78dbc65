"""Wrong calls, as a user would write them: each names the value, what was expected, and a remedy.

A row is a call, the class of its error, and words that its message must have, in order: the value
that was wrong, what was expected, and a remedy. Wrong calls of single layers and plugins are
in tests/test_plugin_errors.py and with the tests of the features.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import eqsets
from eqsets import (
    DSS,
    FeatureTypeError,
    GroupError,
    OptionError,
    PartBatch,
    PluginError,
    SetBatch,
    SetNetwork,
    ShapeError,
    TotalSizeBatchSampler,
    collate,
    element_group,
    export,
    representations,
    set_aware,
    symmetrize,
)
from eqsets.groups import OrthogonalGroup, lorentz_group
from eqsets.nn import Relaxed, bilinear

BATCH = SetBatch.from_list([torch.zeros(2, 3), torch.zeros(4, 3)])
V = representations.defining(lorentz_group())
LAYER = DSS("trivial", 2, 3)
NETWORK = SetNetwork("trivial", [2, 3], readout=1)
LINEAR = nn.Linear(3, 2)
TURNS = element_group("grid-rotations", height=4, width=4)


def planar(*args: Any, **options: Any) -> Any:
    return DSS(element_group("planar", rotations=4), *args, kernel_size=3, **options)


def spatial(*args: Any, **options: Any) -> Any:
    return DSS("spatial", *args, **options)


def ones(*shape: int) -> torch.Tensor:
    return torch.ones(*shape)


Call = tuple[Callable[[], Any], type[Exception], str]
CALLS: dict[str, Call] = {
    # SetBatch and PartBatch
    "batch-index-rank": (
        lambda: SetBatch(ones(3, 2), torch.zeros(3, 1).long(), 1),
        ShapeError,
        r"\(3, 1\).*expected.*Use SetBatch.from_list",
    ),
    "batch-index-range": (
        lambda: SetBatch(ones(2, 2), torch.tensor([0, 5]), 2),
        ShapeError,
        "0 to 5, expected 0 to 1.*Number",
    ),
    "batch-empty-set": (
        lambda: SetBatch(ones(2, 2), torch.tensor([0, 0]), 2),
        ShapeError,
        r"\[1\], expected.*Leave",
    ),
    "batch-no-sets": (lambda: SetBatch.from_list([]), ShapeError, "0 sets.*expected.*Convert"),
    "batch-empty-member": (
        lambda: SetBatch.from_list([ones(0, 2)]),
        ShapeError,
        r"\(0, 2\).*expected.*Leave",
    ),
    "batch-layouts": (
        lambda: SetBatch.from_list([ones(2, 2), ones(2, 3)]),
        ShapeError,
        r"\(3,\).*expected \(2,\).*Bring",
    ),
    "batch-dtypes": (
        lambda: SetBatch.from_list([ones(2, 2), ones(2, 2).double()]),
        ShapeError,
        "float64.*expected.*float32.*Bring",
    ),
    "batch-key-range": (lambda: BATCH[7], IndexError, "set 7.*2 sets.*expected"),
    "batch-key-type": (lambda: BATCH["a"], ShapeError, "'a', expected an int"),
    "batch-sum-of-others": (
        lambda: BATCH + SetBatch.from_list([ones(3, 3), ones(3, 3)]),
        ShapeError,
        "expected the same sets",
    ),
    "batch-padded-size": (
        lambda: BATCH.to_padded(2),
        ShapeError,
        "size=2.*4 elements, expected at least 4.*Leave",
    ),
    "batch-cat-nothing": (lambda: SetBatch.cat([]), ShapeError, "0 objects.*expected.*Use"),
    "parts-layouts": (
        lambda: PartBatch.from_list([[ones(2, 3), ones(2, 4)]]),
        ShapeError,
        r"\(2, 4\), expected",
    ),
    # collate and samplers
    "collate-nothing": (lambda: collate([]), ShapeError, "no samples.*expected.*Leave"),
    "collate-name": (
        lambda: collate([{"x": ones(2, 3)}], sets=["y"]),
        OptionError,
        "'y'.*expected",
    ),
    "collate-no-tuple": (
        lambda: collate([ones(2, 3)], sets=[0]),
        OptionError,
        "Tensor.*expected.*Leave",
    ),
    "collate-layouts": (
        lambda: collate([(ones(2, 3), 1), (ones(2, 4), 1)]),
        ShapeError,
        "position 0.*expected",
    ),
    "collate-labels": (
        lambda: collate([(ones(2, 3), ones(1)), (ones(2, 3), ones(2))]),
        ShapeError,
        "position 1.*expected.*collate, sets=",
    ),
    "sampler-size-0": (
        lambda: TotalSizeBatchSampler([3, 0], total=5),
        OptionError,
        "0.*expected whole numbers",
    ),
    "sampler-total": (lambda: TotalSizeBatchSampler([3], total=0), OptionError, "0.*expected"),
    "sampler-total-type": (
        lambda: TotalSizeBatchSampler([3], total=2.5),
        OptionError,
        "2.5.*expected",
    ),
    "sampler-max-sets": (
        lambda: TotalSizeBatchSampler([3], total=5, max_sets=0),
        OptionError,
        "0.*expected",
    ),
    # layers and networks
    "group-name": (lambda: DSS("trivail", 2, 3), PluginError, "trivail.*Did you mean.*trivial"),
    "aggregation-name": (
        lambda: DSS("trivial", 2, 3, aggregation="maen"),
        PluginError,
        "maen.*Did you mean.*mean",
    ),
    "alignment": (
        lambda: DSS("trivial", 2, 3, alignment="both"),
        FeatureTypeError,
        "both.*'independent'",
    ),
    "option-of-layer": (
        lambda: DSS("trivial", 2, 3, kernel_size=3),
        FeatureTypeError,
        "kernel_size.*expected none.*Leave",
    ),
    "input-shape": (
        lambda: LAYER(ones(2, 3)),
        ShapeError,
        r"expected x of shape \(B, N, 2\), got \(2, 3\).*Reshape",
    ),
    "input-channels": (lambda: LAYER(ones(2, 5, 7)), ShapeError, "7 instead of 2.*Reshape"),
    "mask-shape": (
        lambda: LAYER(ones(2, 5, 2), torch.ones(2, 4).bool()),
        ShapeError,
        r"\(2, 4\).*expected \(2, 5\).*Convert",
    ),
    "mask-dtype": (
        lambda: LAYER(ones(2, 5, 2), ones(2, 5)),
        ShapeError,
        "float32, expected.*bool.*Convert",
    ),
    "one-type": (
        lambda: SetNetwork("trivial", [2]),
        FeatureTypeError,
        r"\[2\], expected at least two.*Write",
    ),
    "two-ends": (
        lambda: SetNetwork("trivial", [2, 3], readout=1, set_pool="mean"),
        FeatureTypeError,
        "readout=1 and set_pool='mean', expected one end",
    ),
    # spatial, planar, permutations
    "spatial-type": (
        lambda: spatial("points: 2x0x", "points: 1"),
        FeatureTypeError,
        "2x0x.*expected.*Write",
    ),
    "spatial-radius": (
        lambda: spatial("points: 2", "points: 2", radius=-1.0),
        FeatureTypeError,
        "radius=-1.0, expected.*Write",
    ),
    "spatial-neighbors": (
        lambda: spatial("points: 2", "points: 2", neighbors=0),
        FeatureTypeError,
        "neighbors=0, expected.*Write",
    ),
    "spatial-positions": (
        lambda: spatial("points: 2", "points: 2", radius=1.0)(ones(1, 2, 5, 2)),
        ShapeError,
        "no positions, expected.*Pass",
    ),
    "planar-rotations": (
        lambda: element_group("planar", rotations=0),
        FeatureTypeError,
        "rotations=0, expected.*Write",
    ),
    "planar-type": (
        lambda: planar(3, "4 regulr"),
        FeatureTypeError,
        "regulr.*Did you mean 'regular'.*Write",
    ),
    "planar-groups": (
        lambda: planar("4 regular", "4 regular", groups=3),
        FeatureTypeError,
        "groups=3.*expected.*Choose",
    ),
    "planar-kernel": (
        lambda: DSS("planar", 3, 4, kernel_size=-3),
        FeatureTypeError,
        "kernel_size=-3, expected.*Write",
    ),
    "graph-edges": (
        lambda: DSS("permutations", 2, 3, conv="gcn")(ones(1, 2, 5, 2)),
        ShapeError,
        "no edges, expected.*Pass",
    ),
    "graph-conv": (
        lambda: DSS("permutations", 2, 3, conv="gnc"),
        PluginError,
        "gnc.*choose one of.*Did you mean",
    ),
    # representations
    "defining": (
        lambda: representations.defining("planar"),
        GroupError,
        "expected a group of matrices",
    ),
    "symmetric-of": (
        lambda: representations.symmetric(V * V, 2),
        FeatureTypeError,
        "expected one vector",
    ),
    "symmetric-degree": (
        lambda: representations.symmetric(V, 1),
        FeatureTypeError,
        "degree=1, expected.*at least 2",
    ),
    "alternating-degree": (
        lambda: representations.antisymmetric(V, 5),
        FeatureTypeError,
        "5.*expected at most",
    ),
    "dimension": (
        lambda: representations.dimension(element_group("planar").feature_type(1), V),
        FeatureTypeError,
        "planar.*expected types of a symmetry from generators",
    ),
    "type-text": (
        lambda: V.owner.feature_type("2 pionts"),
        FeatureTypeError,
        "pionts.*choose one of.*Did you mean 'points'",
    ),
    "times-a-fraction": (lambda: 1.5 * V, FeatureTypeError, "1.5 copies, expected a whole"),
    "power": (lambda: V**0, FeatureTypeError, "power 0, expected a whole"),
    "sum-of-groups": (
        lambda: V + representations.defining(OrthogonalGroup(3)),
        FeatureTypeError,
        "expected types of one symmetry",
    ),
    "bilinear-of": (lambda: bilinear("trivial", 2, "x"), FeatureTypeError, "'x', expected.*Write"),
    # symmetrize, Relaxed
    "symmetrize-model": (
        lambda: symmetrize(len, "trivial"),
        OptionError,
        "expected a torch.nn.Module.*Wrap",
    ),  # type: ignore[arg-type]
    "symmetrize-how": (
        lambda: symmetrize(LINEAR, TURNS, how="avrage"),
        OptionError,
        "Did you mean 'average'",
    ),
    "symmetrize-samples": (
        lambda: symmetrize(LINEAR, TURNS, samples=1),
        OptionError,
        "samples=1.*expected",
    ),
    "symmetrize-samples-of": (
        lambda: symmetrize(LINEAR, TURNS, how="frames", samples=4),
        OptionError,
        "samples=4.*Leave it out",
    ),
    "symmetrize-pose-of": (
        lambda: symmetrize(LINEAR, TURNS, pose=LINEAR),
        OptionError,
        "pose=.*how='canonical'",
    ),
    "symmetrize-boosts": (
        lambda: symmetrize(LINEAR, V.owner, in_features=1),
        GroupError,
        "not compact does not exist.*how='canonical'",
    ),
    "relaxed-of": (lambda: Relaxed(LINEAR), FeatureTypeError, "Linear.*expected"),
    # cost, export, set_aware
    "cost-model": (lambda: eqsets.cost("network"), OptionError, "str.*expected.*Pass"),  # type: ignore[arg-type]
    "cost-sizes": (lambda: eqsets.cost(NETWORK, sizes=(0,)), OptionError, "0.*expected"),
    "cost-no-sizes": (
        lambda: eqsets.cost(NETWORK, sizes=()),
        OptionError,
        r"\(\), expected at least one.*sizes=",
    ),
    "export-target": (
        lambda: export(NETWORK, "file", target="onx"),
        OptionError,
        "Did you mean 'onnx'",
    ),
    "export-layout": (
        lambda: export(NETWORK, "file", layout="parts"),
        OptionError,
        "'parts'.*choose one of",
    ),
    "export-model": (
        lambda: export("file.pt", "file"),
        OptionError,
        "str.*expected a module.*eqsets.load",
    ),  # type: ignore[arg-type]
    "export-untyped": (
        lambda: export(LINEAR, "file"),
        OptionError,
        "expected the type of an element.*in_type",
    ),
    "aware-model": (
        lambda: set_aware(len, "trivial"),
        OptionError,
        "expected a torch.nn.Module.*Give",
    ),  # type: ignore[arg-type]
    "aware-group": (lambda: set_aware(LINEAR, "trivail"), PluginError, "Did you mean.*trivial"),
    "aware-module": (
        lambda: set_aware(nn.Bilinear(4, 4, 2), "trivial"),
        FeatureTypeError,
        "Bilinear, expected.*Say",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_message_of_a_wrong_call(name: str) -> None:
    call, error, words = CALLS[name]
    with pytest.raises(error) as caught:
        call()
    assert re.search(words, str(caught.value), re.DOTALL), str(caught.value)


def test_there_are_sixty() -> None:
    assert len(CALLS) >= 60
