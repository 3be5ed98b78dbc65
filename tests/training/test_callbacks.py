"""The best weights are selected, averages survive a resume."""

from __future__ import annotations

import pytest
import torch

from eqsets import OptionError
from eqsets.training import MovingAverage, Selection


def test_a_fit_that_never_was_finite_says_so():
    selection = Selection(torch.nn.Linear(1, 1), "loss")
    selection.on_check(1, {"loss": float("nan")})
    with pytest.raises(OptionError, match=r"nan.*to a finite 'loss'.*learning_rate"):
        selection.restore_best()
    finite = Selection(torch.nn.Linear(1, 1), "loss")
    finite.on_check(1, {"loss": 1.0})
    finite.restore_best()  # control


def test_the_best_weights_are_restored_and_patience_ends():
    network = torch.nn.Linear(1, 1)
    selection = Selection(network, "loss", patience=2)
    for step, value in enumerate((3.0, 1.0, 2.0, 2.0)):
        assert not selection.stop
        with torch.no_grad():
            network.weight.fill_(step)
        selection.on_check(step, {"loss": value})
    assert selection.stop
    selection.restore_best()
    assert float(network.weight.detach()) == 1
    resumed = Selection(network, "loss", patience=2)
    resumed.load_state_dict(selection.state_dict())
    assert resumed.stop
    assert resumed.curve == selection.curve


def test_a_moving_average_begins_with_the_first_value_or_a_given_one():
    reported = []
    average = MovingAverage("loss", 0.5, report=lambda step, value: reported.append((step, value)))
    for step, value in enumerate((4.0, 2.0), 1):
        average.on_step(step, {"loss": torch.tensor(value)})
    assert reported == [(1, 4.0), (2, 3.0)]
    from_zero = MovingAverage("loss", 0.5, start=0.0)
    from_zero.on_step(1, {"loss": torch.tensor(4.0)})
    assert from_zero.value == 2
