"""Costs that can be counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from eqsets import DSS, OptionError, SetNetwork, cost, save
from eqsets.cli._group import main


def test_counts_of_a_linear_layer() -> None:
    layer = DSS("trivial", 3, 5, aggregation="none", bias=False)
    report = cost(layer, sizes=(1, 4))
    assert report.parameters == 15
    assert [(row.size, row.operations) for row in report.rows] == [(1, 15), (4, 60)]
    assert report.rows[1].memory == 4 * 3 * 4  # the input, in float32


def test_a_convolution_by_its_grid() -> None:
    network = SetNetwork("translations", [3, 4], kernel_size=3, aggregation="none")
    small, large = (cost(network, sizes=(2,), element_sizes=(s, s)).rows[0] for s in (8, 16))
    assert small.operations == 2 * 64 * 9 * 3 * 4
    assert large.operations == 4 * small.operations


def test_growth_of_a_set_network_is_linear() -> None:
    report = cost(SetNetwork("trivial", [4, 8], readout=1), sizes=(8, 16, 32))
    first, second, third = (row.operations for row in report.rows)
    assert third - second == 2 * (second - first)


def test_refusals() -> None:
    with pytest.raises(OptionError, match="expected the type"):
        cost(nn.Linear(2, 3))
    with pytest.raises(OptionError, match="set size 0"):
        cost(DSS("trivial", 2, 3), sizes=(0,))


def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "network.pt"
    save(SetNetwork("translations", [3, 4], readout=1, kernel_size=3), file)
    shown = CliRunner().invoke(main, ["cost", str(file), "--sizes", "1,4", "--element", "8,8"])
    assert shown.exit_code == 0
    assert "parameters" in shown.output
    assert "(3, 8, 8)" in shown.output
    wrong = CliRunner().invoke(main, ["cost", str(file), "--sizes", "1;4"])
    assert wrong.exit_code == 2
    assert "whole numbers with commas" in wrong.output
    written = CliRunner().invoke(main, ["cost", str(file), "--sizes", "2", "--json"])
    assert '"size": 2' in written.output


def test_modes_and_weights_stay() -> None:
    network = SetNetwork("trivial", [4, 8], readout=1).train()
    before = [p.clone() for p in network.parameters()]
    cost(network)
    assert network.training
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
