"""What `make bench` keeps and shows: rows survive other runs, and the page says what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cost_page import fill, render
from benchmarks.layers.set_networks import SET_NETWORKS
from benchmarks.report import Row, Section, read, write

torch = pytest.importorskip("torch")
HOME = Path(__file__).parents[1]
AT = {"model": "DSS (mean)", "n": 4, "size": 8}


def rows() -> tuple[Row, ...]:
    where = "DSS (mean), n = 4, 8 x 8 pixels"
    return (
        Row("training step over Siamese", where, 1.25, low=1.2, high=1.3, goal=("<=", 2.0), at=AT),
        Row("peak memory over Siamese", where, 1.5, at=AT),
        Row("parameters", where, 39_744, "", at=AT),
        Row("training step over Siamese", "n = 16", 1.1, at={**AT, "n": 16}),
    )


def test_rows_come_back_from_the_file(tmp_path):
    write({"cost": Section("a machine", rows())}, tmp_path)
    assert read(tmp_path) == {"cost": Section("a machine", rows())}


def test_sections_that_are_not_measured_again_are_kept(tmp_path):
    write({"cost": Section("a machine", rows())}, tmp_path)
    write({"eager": Section("another", rows()[:1])}, tmp_path)
    write({"cost": Section("a third", rows()[1:])}, tmp_path)
    result = read(tmp_path)
    assert {name: one.machine for name, one in result.items()} == {
        "cost": "a third",
        "eager": "another",
    }
    assert "## eager\n\nanother" in (tmp_path / "results.md").read_text()


def test_the_page_has_a_cell_for_each_measured_setting_and_none_for_others(tmp_path):
    text = render("a machine", rows())
    assert "| DSS (mean) | 1.2 (1.5) | - | 39,744 |" in text  # no memory was measured at 16


def test_the_committed_page_is_what_the_committed_rows_say(tmp_path):
    page = (HOME / "docs" / "cost.md").read_text("utf-8")
    (tmp_path / "cost.md").write_text(page, "utf-8")
    (tmp_path / "images").mkdir()
    fill(HOME / "benchmarks", tmp_path)
    assert (tmp_path / "cost.md").read_text("utf-8") == page


@pytest.mark.parametrize("name", SET_NETWORKS)
def test_networks_are_invariant_to_the_order(name):
    torch.manual_seed(0)
    network = SET_NETWORKS[name](8).double().eval()
    x = torch.randn(2, 6, 3, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        y = network(x)
        moved = network(x[:, [3, 1, 5, 0, 2, 4]])
        other = network(torch.cat([x[:, :5], x[:, :1]], dim=1))
    torch.testing.assert_close(moved, y)
    assert (other - y).abs().max() > 1e-6  # the control: another set gives another answer
