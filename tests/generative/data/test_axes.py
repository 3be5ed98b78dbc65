"""Ambiguous shapes are refused with the question that must be answered."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eqsets import OptionError, ShapeError
from eqsets.generative.data.axes import channels_first
from eqsets.generative.data.sources import read


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((300, 64, 3), r"300 grey images of 64 x 3 pixels, point clouds, or signals.*axes=\"NHW\""),
        ((300, 3, 64), "point clouds, or signals"),
        ((300, 128, 1), "point clouds, or signals"),
        ((30, 3, 16, 3), r"3 channels first, or 3 last.*axes=\"NCHW\" or axes=\"NHWC\""),
        ((30, 1, 16, 3), "1 channels first, or 3 last"),
    ],
)
def test_what_may_be_no_images_is_refused(shape, message):
    for data in (torch.zeros(shape), np.zeros(shape)):
        with pytest.raises(ShapeError, match=message):
            read(data)


def test_clouds_in_a_data_set_are_refused():
    with pytest.raises(ShapeError, match="point clouds"):
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
    ],
)
def test_an_answer_is_taken_and_clear_shapes_need_none(shape, axes, expected):
    assert read(torch.zeros(shape) - 1, axes=axes).images.shape == expected


def test_wrong_answers_are_named():
    with pytest.raises(OptionError, match=r"there are no axes 'NWH'.*'NHW'"):
        channels_first(torch.zeros(4, 8, 8), "NWH")
    with pytest.raises(ShapeError, match="with axes='NHWC', expected 4 axes"):
        channels_first(torch.zeros(4, 8, 8), "NHWC")
