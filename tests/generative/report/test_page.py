"""The page in a browser: it renders, asks for nothing, and fits on a phone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from html import escape

import pytest

from eqsets.families.domains.recommend import recommend
from eqsets.generative.analysis.claims import Claim
from eqsets.generative.analysis.curves import Curve
from eqsets.generative.analysis.discrete import Discrete
from eqsets.generative.report.data import ReportImages
from eqsets.generative.report.page import page_of
from eqsets.generative.report.plots import plot
from eqsets.generative.report.report import SymmetryReport

torch = pytest.importorskip("torch")
BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium")
needs_browser = pytest.mark.skipif(not BROWSER, reason="no chromium on PATH or in CHROMIUM")

FACTS = {
    "data": "a_long_name_of_a_file_without_any_place_to_break_it_anywhere.npz", "images": 1000,
    "held_out": 250, "shape": [3, 8, 8], "family": "affine+hue", "preset": "quick", "seed": 0,
    "prototype_variance_over_the_orbit": 0.02, "seconds": 100.0, "seconds_of_the_fit": 60.0,
    "date": "2026-01-01", "versions": {"eqsets": "0.1.0"},
}  # fmt: skip


def report() -> SymmetryReport:
    def claim(name: str, verdict: str) -> Claim:
        return Claim(
            name, "turns", verdict, f"{name}: {verdict}", 0.2, (0.1, 0.3), 0.5, 0.01, -1.0, 0.5,
            (0.4, 0.6), 1e-9, 0.5, 1.0,
        )  # fmt: skip

    rose = tuple(3.0 if i % 40 == 0 else 0.2 for i in range(120))
    thirds = Discrete(
        3, 1 / 3, True, None, 0.93, (0.9, 0.95), 0.02, (0.01, 0.03), 1e-4, 0.5, False, rose
    )
    hue = replace(claim("hue", "discrete"), discrete=thirds, role="hue")
    claims = (hue, claim("shift_x", "absent"), claim("mirror_x", "full"))
    bins = tuple(i / 48 - 0.49 for i in range(48))
    curves = (
        Curve("hue", "circle", bins, (1.0,) * 48),
        Curve("shift_x", "line", bins, (1.0,) * 48),
        Curve("mirror_x", "levels", (0.0, 1.0), (0.4, 0.6)),
    )
    x = torch.rand(8, 3, 8, 8) * 2 - 1
    images = ReportImages(x, x, x[:, None].expand(8, 6, 3, 8, 8))
    return SymmetryReport(
        FACTS, claims, (), ("too little data " * 9,), recommend(claims, 3), curves, images, None
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")

    def run(page: str, width: int = 375) -> tuple[str, str]:
        """Return what a page in a frame of some width becomes, and what the console says."""
        frame = (
            "<!doctype html><body style='margin:0'><iframe id=f style='border:0' width="
            f'{width} height=2000 srcdoc="{escape(page)}"></iframe><p id=p></p><script>'
            "f.onload = () => { const d = f.contentDocument, e = d.documentElement;"
            "p.textContent = `width ${e.scrollWidth} of ${e.clientWidth}, height "
            "${d.body.scrollHeight}, images ${[...d.images].filter(i => i.naturalWidth).length}`"
            "}</script>"
        )
        index = folder / "frame.html"
        index.write_text(frame)
        done = subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/u",
             "--enable-logging=stderr", "--log-level=0", "--window-size=1200,2200",
             "--virtual-time-budget=3000", "--dump-dom", index.as_uri()],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        result = re.search(r"<p id=\"p\">(.*?)</p>", done.stdout)
        console = "\n".join(re.findall(r".*CONSOLE.*", done.stderr))
        return result.group(1) if result else "", console

    return run


@needs_browser
@pytest.mark.parametrize("width", [375, 1100])
def test_the_page_renders_and_fits(browse, width):
    seen, console = browse(page_of(report()), width)
    numbers = re.fullmatch(r"width (\d+) of (\d+), height (\d+), images (\d+)", seen)
    assert numbers, seen
    inside, outside, height, count = map(int, numbers.groups())
    assert inside <= outside <= width
    assert height > 800
    assert count == 64
    assert not console


@needs_browser
def test_a_page_that_asks_or_does_not_fit_would_be_noticed(browse):
    asking = page_of(report()).replace("</main>", '<img src="http://127.0.0.1:9/x.png"></main>')
    assert "Content Security Policy" in browse(asking)[1]
    wide = page_of(report()).replace("</main>", '<div style="width:500px">x</div></main>')
    assert re.match(r"width 5\d\d of 3", browse(wide)[0])


def test_units_of_other_plugins_are_text_in_plots():
    claim, curve = report().claims[0], report().curves[0]
    result = plot(curve, replace(claim, sentence='hue: within 3"><script>x</script>'))
    assert "<script>" not in result
    assert "&#34;&gt;&lt;script&gt;" in result
    assert "hue: discrete" in plot(curve, claim)  # control: what needs no escape stays


@pytest.mark.parametrize("forced", [False, True])
def test_the_summary_is_plain_and_names_files_as_they_are(monkeypatch, forced):
    monkeypatch.delenv("NO_COLOR", raising=False)
    if forced:
        monkeypatch.setenv("FORCE_COLOR", "1")  # as continuous integration does
    result = replace(report(), facts={**FACTS, "data": "photos[bold].npz"}).summary()
    assert "Symmetries of photos[bold].npz" in result
    assert "\x1b" not in result


def test_discrete_poses_are_a_rose_with_their_fraction():
    """The control is the same page with a range instead."""
    discrete = report()
    assert "Differences between poses of hue" in page_of(discrete)
    assert "at least 93% of the images are in the peaks" in page_of(discrete)
    partial = replace(discrete.claims[0], verdict="partial")
    control = page_of(replace(discrete, claims=(partial, *discrete.claims[1:])))
    assert "Differences between poses" not in control
    assert "in the peaks" not in control
