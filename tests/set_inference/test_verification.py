"""A recommended group pays on data with its symmetry, and not on others."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from eqsets.cli import main
from eqsets.errors import OptionError
from eqsets.families import Clouds, Images, Signals
from eqsets.families.domains.recommend import Recommendation
from eqsets.generative import Preset, StagePlan
from eqsets.set_inference import Verification
from eqsets.set_inference.verification import verify_elements

CIRCULAR = Recommendation("translations", "", "", (), {"dims": 1, "padding_mode": "circular"})


def signals(n: int, *, moved: bool) -> torch.Tensor:
    """Return two bumps on a circle of 24 samples, shifted at random or fixed."""
    t = torch.arange(24)
    one = torch.exp(-(((t - 12) / 2.0) ** 2)) - torch.exp(-(((t - 17) / 2.0) ** 2))
    generator = torch.Generator().manual_seed(0)
    starts = torch.randint(24, (n,), generator=generator) * int(moved)
    return torch.stack([one.roll(int(k)) for k in starts])[:, None] * 2


@pytest.mark.slow
@pytest.mark.parametrize("moved", [True, False])
def test_shifts_pay_where_signals_are_shifted(moved):
    x, shifts = signals(160, moved=moved), Recommendation("translations", "", "", (), {"dims": 1})
    result = verify_elements(shifts, Signals(), x[40:], x[:40], steps=150, seeds=2)
    assert result.pays is True if moved else result.pays is not True
    assert result.plain == "trivial"


def test_two_networks_have_about_as_many_parameters():
    x = signals(60, moved=True)
    result = verify_elements(CIRCULAR, Signals(), x[20:], x[:20], steps=1, seeds=1)
    one, other = result.parameters
    assert abs(one - other) < 0.2 * one
    assert result.plain == "translations(dims=1)"
    assert result.recommended in result.sentence


def test_the_sentence_says_whether_it_pays():
    def of(*interval):
        return Verification("a", "b", (10, 10), (0.1, 0.2), sum(interval) / 2, interval, 5)

    assert of(-0.5, -0.1).pays is True
    assert of(0.1, 0.3).pays is False
    assert of(-0.2, 0.1).pays is None
    assert "a does not pay against b" in of(0.1, 0.3).sentence
    assert "is not decided" in of(-0.2, 0.1).sentence


def test_what_cannot_be_verified_is_said():
    with pytest.raises(OptionError, match="cannot verify the recommendation for clouds"):
        verify_elements(CIRCULAR, Clouds(), torch.zeros(9, 4, 3), torch.zeros(9, 4, 3))
    with pytest.raises(OptionError, match="got 3 held-out images, expected 8"):
        verify_elements(CIRCULAR, Images(), torch.zeros(9, 1, 8, 8), torch.zeros(3, 1, 8, 8))
    done = CliRunner().invoke(main, ["discover", "x.npy", "--kind", "clouds", "--verify"])
    assert done.exit_code == 2
    assert "got --verify for clouds" in done.output


def test_the_command_verifies(tmp_path, monkeypatch):
    short = StagePlan(2, batch=8, check_every=2)
    module = sys.modules["eqsets.generative.report.discover"]
    monkeypatch.setattr(module, "preset_of", lambda name: Preset(short, short, prototypes=1))
    path = tmp_path / "x.npy"
    np.save(path, signals(48, moved=True).numpy())
    options = ["--kind", "signals", "--family", "circular-time", "--verify", "--json", "--quiet"]
    done = CliRunner().invoke(main, ["discover", str(path), *options, "--output", str(tmp_path)])
    assert done.exit_code == 0, done.output
    report = json.loads(done.output[done.output.index("{") :])
    assert report["facts"]["verification"]["steps"] == 150
    assert "verified by completing" in report["recommendation"]["reasons"][-1]
