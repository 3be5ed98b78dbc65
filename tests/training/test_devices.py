"""Devices are chosen, and arguments of Fabric checked, before anything is trained."""

from __future__ import annotations

import pytest
import torch

from eqsets import OptionError
from eqsets.training import FitOptions
from eqsets.training.devices import OneDevice


def test_the_gpu_of_a_mac_is_not_used(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert OneDevice().device.type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert OneDevice().device.type == "cuda"


@pytest.mark.parametrize("name", ["acelerator", "max_steps", "callbacks"])
def test_options_are_checked_where_they_are_made(name):
    with pytest.raises(OptionError, match=rf"{name}=1.*not pass on to lightning.Fabric"):
        FitOptions.of(**{name: 1})
    assert FitOptions.of(accelerator="cpu", folder="x").folder.name == "x"
