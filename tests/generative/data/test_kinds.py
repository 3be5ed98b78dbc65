"""Ambiguous shapes are refused with the question that must be answered."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eqsets import OptionError, ShapeError
from eqsets.families.domains.axes import channels_first
from eqsets.generative import discover
from eqsets.generative.data.sources import read

READINGS = [
    ((300, 64, 3), ["--kind clouds: 300 point clouds of 64 points in 3 dimensions"]),
    ((300, 64, 3), ["--kind images: 300 grey images of 64 x 3 pixels", "channels last"]),
    ((300, 3, 64), ["--kind signals: 300 signals of 3 channels and 64 samples", "grey images"]),
    ((300, 128, 1), ["300 signals of 128 samples with channels last", "128 x 1 pixels"]),
    ((80, 6, 100), ["80 signals of 6 channels and 100 samples", "6 x 100 pixels"]),
    ((200, 96), ["200 signals of 1 channel and 96 samples", "200 vectors of 96 numbers"]),
    ((200, 3), ["--kind vectors: 200 vectors of 3 numbers"]),
    ((200, 16, 16, 16), ["--kind volumes: 200 volumes of 16 x 16 x 16 voxels"]),
    ((200, 1, 16, 16, 16), ["200 volumes of 16 x 16 x 16 voxels"]),
]


@pytest.mark.parametrize(("shape", "words"), READINGS)
def test_what_may_be_of_several_kinds_is_asked_for(shape, words):
    for data in (torch.zeros(shape), np.zeros(shape)):
        with pytest.raises(ShapeError, match=r"expected the kind to be named.*kind=\"") as error:
            read(data)
        assert all(one in str(error.value) for one in words)


@pytest.mark.parametrize("shape", [(30, 3, 16, 3), (30, 1, 16, 3)])
def test_the_order_of_the_axes_is_asked_for(shape):
    words = f'{shape[1]} channels first, or 3 last.*axes="NCHW" or axes="NHWC"'
    for kind in (None, "images"):
        with pytest.raises(ShapeError, match=words):
            read(torch.zeros(shape), kind=kind)


def test_clouds_in_a_data_set_are_refused():
    with pytest.raises(ShapeError, match="point clouds of 64 points"):
        read([(torch.zeros(64, 3), 0)] * 40)


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        ((40, 64, 3), "NHW", (40, 1, 64, 3)),
        ((40, 3, 16, 3), "NCHW", (40, 3, 16, 3)),
        ((40, 3, 16, 3), "NHWC", (40, 3, 3, 16)),
        ((40, 8, 9), None, (40, 1, 8, 9)),
        ((40, 3, 8, 9), None, (40, 3, 8, 9)),
        ((40, 8, 9, 3), None, (40, 3, 8, 9)),
        ((40, 28, 28), None, (40, 1, 28, 28)),
    ],
)
def test_an_answer_is_taken_and_clear_shapes_need_none(shape, axes, expected):
    assert read(torch.zeros(shape) - 1, axes=axes).elements.shape == expected


def test_wrong_answers_are_named():
    with pytest.raises(OptionError, match=r"there are no axes 'NWH'.*'NHW'"):
        channels_first(torch.zeros(4, 8, 8), "NWH")
    with pytest.raises(ShapeError, match="with axes='NHWC', expected 4 axes"):
        channels_first(torch.zeros(4, 8, 8), "NHWC")
    with pytest.raises(OptionError, match="axes='NHW' for signals, expected none"):
        read(torch.zeros(40, 2, 64), kind="signals", axes="NHW")


@pytest.mark.parametrize(
    ("kind", "shape", "expected"),
    [
        ("signals", (40, 2, 64), (40, 2, 64)),
        ("signals", (40, 64), (40, 1, 64)),
        ("clouds", (40, 20, 3), (40, 20, 3)),
        ("clouds", (40, 20, 2), (40, 20, 2)),
        ("volumes", (40, 8, 8, 8), (40, 1, 8, 8, 8)),
        ("volumes", (40, 2, 8, 8, 8), (40, 2, 8, 8, 8)),
        ("vectors", (40, 5), (40, 5)),
        ("images", (40, 64, 3), (40, 1, 64, 3)),
    ],
)
def test_a_kind_that_is_named_is_read(kind, shape, expected, tmp_path):
    x = np.random.default_rng(0).normal(size=shape).clip(-1, 1)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", **{kind: x, "labels": np.arange(40)})
    for data in (x, torch.as_tensor(x), list(x), tmp_path / "x.npy", tmp_path / "x.npz"):
        source = read(data, kind=kind)
        assert source.elements.shape == expected
        assert source.elements.dtype == torch.float32
        assert source.domain.noun == kind
    assert read(tmp_path / "x.npz", kind=kind).labels is not None


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("signals", np.zeros((40, 64, 3)), r"may have the channels last; expected \(n, C, T\)"),
        ("signals", np.zeros((40, 2, 5)), "signals of 5 samples.*expected 8 samples at least"),
        ("signals", np.full((40, 2, 64), np.nan), "signals with 5120 values that are not finite"),
        ("signals", np.zeros(64), r"signals of shape \(64,\), expected \(n, C, T\)"),
        ("signals", [np.zeros((1, 64)), np.zeros((1, 60))], "Resize or crop the signals"),
        ("clouds", np.zeros((40, 20, 4)), "clouds of shape .*expected .*P, 2 or 3"),
        ("clouds", np.zeros((40, 3, 20)), "if they are first"),
        ("clouds", np.full((40, 20, 3), np.inf), "clouds with 2400 values that are not finite"),
        ("clouds", [np.zeros((9, 3)), np.zeros((8, 3))], r"shape \(8, 3\), expected that of the"),
        ("volumes", np.zeros((40, 16, 16)), r"volumes of shape \(40, 16, 16\), expected \(n, C,"),
        ("volumes", np.zeros((40, 8, 8, 8, 2)), "If channels are last, move them"),
        ("volumes", np.full((4, 1, 4, 4, 4), np.nan), "volumes with 256 values that are not"),
        ("vectors", np.zeros((40, 5, 1)), r"vectors of shape \(40, 5, 1\), expected \(n, d\)"),
        ("vectors", np.full((40, 5), np.nan), "vectors with 200 values that are not finite"),
        ("vectors", [np.zeros(1), np.zeros(2)], r"item 1 of the data set has shape \(2,\)"),
        ("vectors", np.array([["a"]]), "does not make a tensor"),
    ],
)
def test_what_is_not_of_the_kind_is_refused_in_words(kind, given, message):
    with pytest.raises(ShapeError, match=message):
        read(given, kind=kind)


def test_a_folder_holds_images(tmp_path):
    with pytest.raises(OptionError, match="cannot read a folder of signals"):
        read(tmp_path, kind="signals")


class Graph:
    """As graph libraries have them."""

    def __init__(self, *names):
        for name in names:
            setattr(self, name, np.zeros((2, 3)))


@pytest.mark.parametrize(
    "data",
    [
        Graph("x", "edge_index"),
        [Graph("x", "edge_index")] * 40,
        [Graph("nodes", "edges")] * 40,
        [{"x": 1, "edge_index": 2}],
        {"edge_index": np.zeros((2, 3))},
    ],
)
def test_graphs_are_refused_with_the_reason(data):
    with pytest.raises(OptionError, match=r"all permutations of them are a symmetry by defin"):
        read(data)
    with pytest.raises(OptionError, match=r"kind='graphs': graphs.*element_group\(\"permutations"):
        read(np.zeros((40, 3, 3)), kind="graphs")


def test_files_of_graphs_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((5, 3)), edge_index=np.zeros((2, 8)))
    with pytest.raises(OptionError, match=r"x\.npz with edge_index: graphs"):
        read(tmp_path / "x.npz")


def test_unknown_kinds_are_named():
    with pytest.raises(OptionError, match=r"there are no 'signal' as a kind.*mean 'signals'"):
        read(np.zeros((40, 64)), kind="signal")


SHAPES = {"signals": (2, 32), "clouds": (12, 3), "volumes": (1, 6, 6, 6), "vectors": (3,)}


@pytest.mark.parametrize("kind", SHAPES)
def test_constant_and_few_elements_are_refused_before_a_fit(kind):
    constant = np.zeros((40, *SHAPES[kind]))
    with pytest.raises(ShapeError, match=f"all 40 {kind} are constant"):
        discover(constant, kind=kind, quiet=True)
    varied = np.random.default_rng(0).normal(size=(31, *SHAPES[kind]))
    for count in (1, 31):
        with pytest.raises(ShapeError, match=f"got {count} {kind}, expected 32 at least"):
            discover(varied[:count], kind=kind, quiet=True)


def test_a_kind_and_a_family_of_another_are_refused():
    x = np.zeros((40, 2, 32))
    with pytest.raises(OptionError, match=r"kind='signals' and the family 'rotation', which tr"):
        discover(x, kind="signals", family="rotation", quiet=True)
    with pytest.raises(OptionError, match=r"vectors of 32 numbers.*MatrixFamily\(lie_algebra\)"):
        discover(np.eye(40, 32), kind="vectors", quiet=True)
