"""The report finds what is there, says what is not, and is a page that needs nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from math import log, pi

import numpy as np
import pytest
import torch

import eqsets
from eqsets.families.domains.recommend import recommend
from eqsets.generative import Preset, StagePlan, SymmetryModel, discover
from eqsets.generative.analysis.cautions import cautions_of
from eqsets.generative.analysis.claims import Claim, claims_of
from eqsets.generative.analysis.component import steps_of
from eqsets.generative.analysis.curves import Curve
from eqsets.generative.analysis.discrete import Discrete
from eqsets.generative.analysis.evidence import Evidence
from eqsets.generative.analysis.examine import examine
from eqsets.generative.analysis.hypotheses import holm
from eqsets.generative.report.data import ReportData

SHORT = Preset(
    StagePlan(6, batch=16, check_every=3), StagePlan(6, batch=16, check_every=3), prototypes=2
)


def verdicts(x, family):
    model = SymmetryModel(family, tuple(x.shape[1:]), backbone="analytic")
    model.inference.frame.calibrate(x)
    result = examine(model.inference, x[60:], x[:60])
    return {claim.name: claim for claim in result.claims}


@pytest.mark.parametrize(("extent", "verdict"), [(0.0, "absent"), (0.5, "partial"), (pi, "full")])
def test_says_how_far_images_are_turned(extent, verdict, rotated_images):
    claim = verdicts(rotated_images(260, extent), "rotation")["rotation"]
    assert claim.verdict == verdict
    if verdict == "partial":
        assert claim.interval[0] < extent < claim.interval[1]
        assert "within ±" in claim.sentence
    assert (claim.p_absent < 1e-4) == (verdict != "absent")
    assert claim.p_uniform is not None
    assert (claim.p_uniform > 0.01) == (verdict == "full")


def test_a_disc_is_not_resolved_and_a_shift_of_it_is(draw):
    positions = torch.eye(3).repeat(200, 1, 1)
    generator = torch.Generator().manual_seed(0)
    positions[:, 0, 2] = (2 * torch.rand(200, generator=generator) - 1) * 0.2
    discs = draw(positions, 16, ((0.0, 0.0, 1.0),))
    result = verdicts(discs, "similarity")
    assert result["rotation"].verdict == "unresolved"
    assert "are similar in all poses" in result["rotation"].sentence
    assert result["shift_x"].verdict == "partial"
    assert result["shift_y"].verdict == result["scale"].verdict == "absent"


@pytest.mark.parametrize(("contrast", "warned"), [(2.0, True), (200.0, False)])
def test_only_what_changes_nothing_is_called_self_symmetric(contrast, warned):
    parameter = eqsets.transformation("rotation").parameters_of_eta[0]
    steps, ones = steps_of(parameter), torch.ones(100)
    probabilities = torch.ones(100, len(steps)) / len(steps)
    evidence = Evidence(parameter, steps, probabilities, ones, ones * 4.5, contrast)
    claim = claims_of([evidence], generator=torch.Generator().manual_seed(0))[0]
    assert claim.verdict == "unresolved"
    why = "are similar in all poses" if warned else "differ from each other by more"
    assert claim.sentence == f"rotation: cannot be resolved, images {why}"
    images = torch.full((8, 1, 12, 12), -1.0)
    images[..., 5:7, 5:7] = 1.0
    cautions = cautions_of(images, 100, [claim], [evidence], 0.0)
    assert any("self-symmetric" in one for one in cautions) == warned


@pytest.mark.parametrize("size", [(1, 16), (16, 1), (2, 2), (12, 12)])
def test_images_all_of_light_have_content_at_the_border(size):
    """Each pixel of the frame counts once, also where it is a line."""
    light = torch.ones(8, 1, *size)
    assert any("content at the border in 100%" in one for one in cautions_of(light, 8, [], [], 0.0))
    inside = torch.nn.functional.pad(light, (1, 1, 1, 1), value=-1.0)  # the control
    assert not any("at the border" in one for one in cautions_of(inside, 8, [], [], 0.0))


def test_a_square_that_is_turned_by_quarters_is_not_turned(draw):
    """Its poses are known up to a quarter turn; that must not look like a symmetry."""
    corners = tuple((0.35 * x, 0.35 * y, 1.0) for x in (-1, 1) for y in (-1, 1))
    static = draw(torch.eye(3).repeat(160, 1, 1), 16, corners)
    noise = torch.Generator().manual_seed(0)
    static = (static + 0.02 * torch.rand(static.shape, generator=noise)).clamp(-1, 1)
    claim = verdicts(static, "rotation")["rotation"]
    assert claim.symmetry_order == 4
    with pytest.warns(DeprecationWarning, match="symmetry_order"):
        assert claim.folds == 4
    assert claim.verdict == "absent"


def test_quarter_turns_are_exact(rotated_images):
    upright = rotated_images(200, 0.05)
    assert verdicts(upright, "c4")["quarter_turns"].verdict == "absent"
    turned = torch.stack([x.rot90(i % 4, (-2, -1)) for i, x in enumerate(upright)])
    assert verdicts(turned, "c4")["quarter_turns"].verdict == "full"
    some = torch.stack([x.rot90(i % 2, (-2, -1)) for i, x in enumerate(upright)])
    assert verdicts(some, "c4")["quarter_turns"].verdict == "partial"


def test_holm_is_at_least_as_careful_as_each_test():
    assert holm([]) == []
    assert holm([0.04, 0.01]) == pytest.approx([0.04, 0.02])
    assert holm([0.9, 0.8, 0.7]) == pytest.approx([1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("peak", "verdict", "words"),
    [
        (0.0, "full", "rotation: uniform over the circle, p ="),
        (0.03, "full", r"rotation: nearly uniform over the circle, 0.03 nats below (p = 0.0001)"),
        (0.5, "partial", "rotation: within ±"),
    ],
)
def test_a_trace_of_a_preference_is_no_verdict_but_is_said(peak, verdict, words):
    parameter = eqsets.transformation("rotation").parameters_of_eta[0]
    steps = steps_of(parameter)
    probabilities = torch.ones(400, len(steps)) / len(steps)
    probabilities[:, int(steps.abs().argmin())] *= 1 + peak
    ones = torch.ones(400)
    evidence = Evidence(parameter, steps, probabilities, ones, ones * 2, 100.0)
    result = claims_of([evidence], generator=torch.Generator().manual_seed(0))[0]
    assert result.verdict == verdict
    assert result.sentence.startswith(words)


ROLES = {
    "shift_x": ("shift", None),
    "rotation": ("rotation", None),
    "quarter_turns": ("rotation", 4),
    "mirror_x": ("reflection", 2),
    "hue": ("hue", None),
}


def claim(
    name: str, verdict: str, p_uniform: float | None = None, order: int = 0, equal: bool = True
) -> Claim:
    multiples = None
    if order:
        multiples = Discrete(
            order, 1 / order, equal, None, 0.9, (0.8, 1.0), 0.1, (0.0, 0.2), 1e-4, 0.5, False
        )
    return Claim(
        name, "u", verdict, f"{name}: {verdict}", 0.1, (0.1, 0.1), 1.0, 0.0, 0.0, 0.0, (0.0, 0.0),
        0.0, p_uniform, 1.0, *ROLES[name], multiples,
    )  # fmt: skip


def discrete(name: str, order: int, equal: bool = True) -> Claim:
    return claim(name, "discrete", 0.0, order, equal)


@pytest.mark.parametrize(
    ("claims", "group", "code"),
    [
        ([claim("shift_x", "partial")], "translations", '"translations"'),
        ([claim("rotation", "absent"), claim("hue", "absent")], "translations", '"translations"'),
        ([claim("rotation", "partial", 0.0)], "translations", '"translations"'),
        ([claim("rotation", "full", 0.5)], "planar", "rotations=8"),
        ([claim("quarter_turns", "full", 0.5)], "planar", "rotations=4"),
        (
            [claim("quarter_turns", "full", 0.5), claim("mirror_x", "full", 0.5)],
            "planar",
            "rotations=4, reflections=True",
        ),
        *[
            ([discrete("rotation", order)], "planar", f"rotations={order})")
            for order in (2, 3, 4, 5, 6, 8, 12)
        ],
        ([claim("mirror_x", "full", 0.5)], "planar", "rotations=1, reflections=True"),
        (
            [discrete("rotation", 4), claim("mirror_x", "full", 0.5)],
            "planar",
            "rotations=4, reflections=True",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*py3nj.*:UserWarning")
def test_recommended_code_runs(claims, group, code):
    result = recommend(claims, channels=3)
    assert result.group == group
    assert code in result.code
    if group == "planar":
        pytest.importorskip("eqsets_planar")
    scope: dict[str, object] = {}
    exec(result.code, scope)
    layer = scope["layer"]
    assert isinstance(layer, eqsets.DSS)
    assert layer(torch.randn(2, 3, 3, 9, 9)).shape[:2] == (2, 3)


def test_the_recommended_group_is_there_as_a_value():
    result = recommend([claim("quarter_turns", "full", 0.5), claim("mirror_x", "full", 0.5)], 1)
    assert (result.group, result.options) == ("planar", {"rotations": 4, "reflections": True})
    result = recommend([claim("rotation", "absent")], 1)
    assert (result.group, result.options) == ("translations", {})


def test_hues_by_thirds_exchange_the_channels():
    """The control is hue by halves, which no permutation of the channels is."""
    pytest.importorskip("eqsets_translations")
    result = recommend([discrete("hue", 3)], 3)
    scope: dict[str, object] = {}
    exec(result.code, scope)
    x, layer = torch.randn(2, 4, 3, 1, 9, 9), scope["layer"]
    assert torch.allclose(layer(x.roll(1, 2)), layer(x).roll(1, 2), atol=1e-5)
    assert "cyclic" not in recommend([discrete("hue", 2)], 3).code
    assert "cyclic" not in recommend([discrete("hue", 3)], 1).code


def test_rotations_that_are_not_equally_frequent_are_said_to_be():
    unequal = " ".join(recommend([discrete("rotation", 2, equal=False)], 1).reasons)
    assert "not equally frequent" in unequal
    assert "not equally" not in " ".join(recommend([discrete("rotation", 2)], 1).reasons)


def test_partial_symmetries_are_left_to_augmentation():
    text = " ".join(recommend([claim("rotation", "partial", 0.0)], 1).reasons)
    assert "resample" in text
    text = " ".join(recommend([claim("hue", "full", 0.5)], 3).reasons)
    assert "No plugin" in text


@pytest.fixture(scope="module")
def report():
    generator = torch.Generator().manual_seed(0)
    x = torch.full((60, 1, 12, 12), -1.0)
    for image, index in zip(x, torch.randint(2, 5, (60, 2), generator=generator), strict=True):
        row, column = index.tolist()
        image[:, row : row + 5, column : column + 3] = 1.0
        image[:, row + 3 : row + 5, column : column + 5] = 0.5
    return discover(x, family="translation", preset=SHORT, quiet=True)


def test_the_report_is_a_value_that_can_be_written_down(report, tmp_path):
    page, numbers, model = report.save(tmp_path / "report")
    written = json.loads(numbers.read_text())
    assert written == json.loads(report.to_json())
    assert [one["name"] for one in written["claims"]] == ["shift_x", "shift_y"]
    assert written["facts"]["images"] == 60
    assert report["shift_x"].verdict in ("partial", "full")
    assert report.sentence.startswith("shift x: ")
    assert any("too little data: 60 images" in text for text in report.cautions)
    assert "shift x" in report.summary()
    assert page.read_text() == report.to_html()
    again = SymmetryModel.load(model)
    assert torch.equal(again.prototype(report.images.images), report.images.prototypes)
    with pytest.raises(AttributeError):
        report.facts = {}


def test_written_angles_are_in_degrees_as_they_are_shown():
    turned = Claim(
        "rotation", "radians", "partial", "within ±30°", pi / 6, (pi / 9, pi / 4), pi, pi / 180,
        log(pi / 3), 0.5, (0.4, 0.6), 1e-9, 0.5, 1.0,
    )  # fmt: skip
    counted = replace(turned, name="quarter", levels=4, extent=2.0)
    curves = [Curve(one.name, "line", (-pi / 2, pi / 2), (0.2, 0.1)) for one in (turned, counted)]
    data = ReportData(
        {}, (turned, counted), (), (), recommend((turned,), 3), tuple(curves), images=None
    )
    written = json.loads(data.to_json())
    assert written["format"] == "eqsets.SymmetryReport 4"
    first, second = written["claims"]
    assert first["unit"] == written["curves"][0]["unit"] == "degrees"
    angles = [first["extent"], *first["interval"], first["searched"], first["floor"]]
    assert angles == pytest.approx([30, 20, 45, 180, 1])
    assert first["entropy"] == pytest.approx(log(60))  # of a uniform density over 60 degrees
    assert written["curves"][0]["positions"] == pytest.approx([-90, 90])
    assert written["curves"][0]["heights"] == pytest.approx([0.2 * pi / 180, 0.1 * pi / 180])
    assert second["extent"] == 2.0


def test_the_page_holds_all_that_it_shows(report):
    page = report.to_html()
    for result in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert result.startswith(("data:", "#"))  # "#": parts of the same page
    assert "<script" not in page
    assert "@import" not in page
    assert not re.findall(r"url\((?!#)", page)
    for one in report.claims:
        assert one.sentence.partition(": ")[2] in page
    assert page.count("<svg") == len(report.claims)
    assert page.count("<img") == 8 * (2 + 6)


def test_names_of_data_are_text_in_the_page(report):
    from dataclasses import replace

    odd = replace(report, facts={**report.facts, "data": "<b>x</b>.npz"})
    assert "<b>x</b>" not in odd.to_html()


def test_a_fit_that_was_interrupted_goes_on(tmp_path):
    x = np.zeros((40, 12, 12), np.uint8)
    x[:, 3:9, 4:7] = 255
    x[:20, 3:6, 4:9] = 200
    first = discover(x, family="translation", preset=SHORT, folder=tmp_path, quiet=True)
    assert (tmp_path / "density.ckpt").exists()
    again = discover(x, family="translation", preset=SHORT, folder=tmp_path, quiet=True)
    assert again.claims == first.claims


def stamps(count, generator):
    """Return images of many shapes, none of which looks the same turned or mirrored."""
    coarse = torch.rand(count, 1, 5, 5, generator=generator)
    return torch.nn.functional.interpolate(coarse, (16, 16), mode="bicubic").clamp(0, 1) * 2 - 1


@pytest.mark.parametrize("turned", [True, False])
def test_quarter_turns_and_mirror_images_of_few_shapes_in_many_images(turned):
    """A kernel must be as narrow for levels that look nothing like each other as images allow."""
    generator = torch.Generator().manual_seed(0)
    x = stamps(12, generator)[torch.randint(12, (260,), generator=generator)]
    x = (x + 0.2 * torch.randn(x.shape, generator=generator)).clamp(-1, 1)
    if turned:
        x = torch.stack([one.rot90(i % 4, (-2, -1)) for i, one in enumerate(x)])
    result = verdicts(x, "d4")
    assert result["quarter_turns"].verdict == ("full" if turned else "absent")
    assert result["mirror_x"].verdict == "absent"
