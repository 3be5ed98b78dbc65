"""Tables and plots say what was measured; the committed page says what the committed rows say."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from digits.tables import TABLES
from eqsets import OptionError
from experiments import Row, read_results, write_results
from experiments.render import PAGES, render_page
from experiments.tables.markdown import caption, mean_and_error, table
from experiments.tables.plots import draw
from tests.examples.test_first_network_table import TASKS

ROOT = Path(__file__).parents[2]
ABOUT = {
    "title": "Loudest element",
    "figure": "accuracy in %",
    "axis": "training sets",
    "chance": 20.0,
    "titles": {"dss-sum": "DSS (sum)"},
    "size": "full",
    "recipe": {"steps": 40, "batch": 16, "seconds": None},
    "learning_rates": [0.01, 0.03],
    "tuned_at": "100",
}
FIGURES = {("dss-sum", "100"): (90.0, 92.0, 94.0), ("early", "100"): (70.0, 70.0, 70.0)}
FIGURES |= {("dss-sum", "300"): (95.0, 95.0, 95.0), ("early", "300"): (93.0, 95.0, 97.0)}
ROWS = [
    Row(setting, model, seed, figure, 1234, 2.0, 0.01, 40, 1e-7)
    for (model, setting), figures in FIGURES.items()
    for seed, figure in enumerate(figures)
]


def test_tables_have_means_and_errors_over_seeds():
    lines = table(ABOUT, ROWS).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0][:4] == ["model", "100", "300", "parameters"]
    assert cells[2] == [
        *("DSS (sum)", "**92.0 ± 1.2**", "**95.0 ± 0.0**"),
        *("1,234", "2", "0.01", "1e-07"),
    ]
    assert cells[3][:3] == ["early", "70.0 ± 0.0", "**95.0 ± 1.2**"], "as good, within its error"


def test_lower_is_better_on_request_and_further_measures_are_shown():
    rows = [replace(row, also={"RMSE": 2 * row.figure}) for row in ROWS if row.setting == "100"]
    lines = table({**ABOUT, "lower": True, "decimals": 2}, rows).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0][:3] == ["model", "100", "RMSE"]
    assert cells[2][1:3] == ["92.00 ± 1.15", "184.00 ± 2.31"]
    assert cells[3][1:3] == ["**70.00 ± 0.00**", "**140.00 ± 0.00**"]


def test_one_seed_has_no_error():
    assert mean_and_error([90.0]) == (90.0, 0.0)
    one_seed = [row for row in ROWS if row.seed == 0]
    assert "±" not in table(ABOUT, one_seed)


def test_the_caption_says_what_is_of_quick_size():
    assert "Full size" in caption(ABOUT, ROWS)
    quick = caption({**ABOUT, "size": "quick"}, ROWS)
    assert "**Quick size**" in quick
    assert "40 steps of 16 sets" in quick
    assert "3 seeds" in quick
    timed = {**ABOUT, "recipe": {"steps": 10**9, "batch": 16, "seconds": 60}}
    assert "60 s of a core" in caption(timed, ROWS)
    assert "| 1e-07 | 40 |" in table(timed, ROWS), "time decides on the steps: say how many"


@pytest.mark.parametrize("named", ["100", "photos blur"], ids=["curve", "dots"])
def test_plots_are_drawn(tmp_path, named):
    rows = [replace(row, setting=named) if row.setting == "100" else row for row in ROWS]
    draw(tmp_path / "plot.png", ABOUT, rows)
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_a_page_is_filled_between_its_comments(tmp_path):
    write_results(tmp_path / "loudest.json", ABOUT, ROWS)
    assert read_results(tmp_path / "loudest.json") == (ABOUT, ROWS)
    page = "before\n<!-- results: loudest -->\nold\n<!-- end of results -->\nafter\n"
    filled = render_page(page, tmp_path)
    assert filled.startswith("before\n")
    assert filled.endswith("\nafter\n")
    assert "old" not in filled
    assert table(ABOUT, ROWS) in filled
    assert render_page(filled, tmp_path) == filled


def test_missing_results_are_an_error(tmp_path):
    write_results(tmp_path / "loudest.json", ABOUT, ROWS)
    page = "<!-- results: laudest -->\n<!-- end of results -->\n"
    with pytest.raises(OptionError, match="Did you mean 'loudest'"):
        render_page(page, tmp_path)


def test_the_pages_show_the_committed_rows():
    shown: list[str] = []
    for name in PAGES:
        page = (ROOT / name).read_text(encoding="utf-8")
        assert render_page(page, ROOT / "results") == page, "run `make results`"
        names = re.findall(r"<!-- results: ([\w-]+) -->", page)
        assert names, f"{name} shows some results"
        shown += names
    images = re.findall(
        r"\(images/(results-[\w-]+\.png)\)",
        "".join((ROOT / name).read_text(encoding="utf-8") for name in PAGES),
    )
    assert all((ROOT / "docs" / "images" / image).exists() for image in images)
    # On pages of their own, with tests of their own:
    other = {Path(name).stem for name, _ in TABLES.values()} | {f"first-network-{t}" for t in TASKS}
    other |= {"discover-clutter", "discover-kinds", "discover-known-truth"}
    assert {path.stem for path in (ROOT / "results").glob("*.json")} == set(shown) | other
