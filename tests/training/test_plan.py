"""Plans are checked, and learning rates are functions of the step."""

from __future__ import annotations

import pytest

from eqsets import OptionError
from eqsets.training import StagePlan


@pytest.mark.parametrize("wrong", ["steps", "batch", "samples", "check_every"])
def test_a_plan_does_something(wrong):
    with pytest.raises(OptionError, match=rf"{wrong}=0.*expected at least 1 of {wrong}, and"):
        StagePlan(**{"steps": 4, wrong: 0})
    with pytest.raises(OptionError, match="patience=-1"):
        StagePlan(4, patience=-1)
    assert StagePlan(1, batch=1, check_every=1, learning_rate=0.0).rate(0) == 1


def test_the_rate_rises_and_falls_to_its_last_value():
    plan = StagePlan(10, warmup=0.2, final=0.1)
    rates = [plan.rate(step) for step in range(11)]
    assert rates[:2] == [0.5, 1.0]
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert rates[10] == pytest.approx(0.1)
    assert [plan.finished(step, 0.0) for step in (9, 10)] == [False, True]
