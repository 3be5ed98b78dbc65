"""Whether a set shares its transformation: planted answers of every kind are named."""

from __future__ import annotations

import json
from math import pi
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import eqsets
import eqsets.set_inference
from eqsets.cli import main
from eqsets.errors import OptionError, ShapeError
from eqsets.families.domains.recommend import Recommendation
from eqsets.generative import Preset, StagePlan, SymmetryModel
from eqsets.set_inference import discover_sets
from eqsets.set_inference.discovery import _aligned
from eqsets.set_inference.sharing import Pairs, decided, sharing_of

SETS, EACH = 60, 4
STAGE = StagePlan(4, batch=8, check_every=2)
SHORT = Preset(STAGE, STAGE, prototypes=2)


def clouds(n: int, dims: int) -> torch.Tensor:
    """Return clouds of three shapes with noise."""
    generator = torch.Generator().manual_seed(3)
    base = torch.randn(3, 20, dims, generator=generator) * torch.tensor([1.0, 0.6, 0.4][:dims])
    base = base + 0.4 * (base**2 - base.square().mean(1, keepdim=True))
    x = (base - base.mean(1, keepdim=True))[torch.randint(3, (n,), generator=generator)]
    return x + 0.01 * torch.randn(x.shape, generator=generator)


def signals(n: int) -> torch.Tensor:
    """Return two shapes of pulses with noise."""
    generator = torch.Generator().manual_seed(1)
    t = torch.linspace(-1, 1, 64)
    one = torch.exp(-(((t + 0.1) / 0.08) ** 2)) + 0.6 * torch.exp(-(((t - 0.1) / 0.05) ** 2))
    two = torch.exp(-((t / 0.12) ** 2)) * torch.cos(12 * t + 0.5)
    x = torch.stack([one, two])[torch.randint(2, (n,), generator=generator)][:, None]
    return x + 0.02 * torch.randn(x.shape, generator=generator)


def volumes(n: int) -> torch.Tensor:
    """Return clouds as densities of 10 x 10 x 10 voxels."""
    steps = torch.linspace(-1, 1, 10)
    z, y, x = torch.meshgrid(steps, steps, steps, indexing="ij")
    grid = torch.stack([x, y, z], -1).reshape(-1, 3)
    points = clouds(n, 3)
    away = torch.cdist(grid, points * (0.75 / points.norm(dim=-1).amax()))
    return (-((away / 0.2) ** 2)).exp().sum(-1).clamp(max=1).reshape(n, 1, 10, 10, 10)


def vectors(n: int) -> torch.Tensor:
    """Return pairs of vectors of the plane, as four numbers, of one shape."""
    generator = torch.Generator().manual_seed(2)
    x = torch.tensor([1.0, 0.2, -0.3, 0.7]).repeat(n, 1)
    return x + 0.02 * torch.randn(x.shape, generator=generator)


def pairs_of_vectors() -> eqsets.TransformationFamily:
    """Return rotations of both vectors."""
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    algebra = torch.block_diag(turn, turn)[None]
    return eqsets.families.MatrixFamily(algebra)


KINDS = {
    "signals": (signals, "time+amplitude", {"time_shift": 0.25}),
    "clouds": (lambda n: clouds(n, 2), "cloud-similarity-2d", {"rotation": pi}),
    "space": (lambda n: clouds(n, 3), "cloud-similarity", {"rotation_z": pi}),
    "vectors": (vectors, pairs_of_vectors(), {"subgroup_1": pi}),
    "volumes": (volumes, "volume-similarity", {"rotation_z": pi}),
}


def moved(x, family, how, ranges, sets=SETS, each=EACH):
    """Return elements transformed at random, all of a set by the same or each by its own."""
    known = eqsets.transformation(family) if isinstance(family, str) else family
    generator = torch.Generator().manual_seed(7)
    eta = torch.zeros(sets, each, len(known.names))
    for name, reach in ranges.items():
        shape = (sets, 1) if how == "shared" else (sets, each)
        drawn = 2 * torch.rand(shape, generator=generator) - 1
        eta[..., known.names.index(name)] = drawn * reach
    return known.act(known.element(eta.flatten(0, 1)), x)


def shared_by(x, sets, family, ranges):
    model = SymmetryModel(family, tuple(x.shape[1:]), backbone="analytic")
    claims = [SimpleNamespace(name=name, verdict="partial") for name in ranges]
    return sharing_of(model.inference, x, sets, claims)


@pytest.mark.parametrize("how", ["shared", "independent"])
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.slow if kind in ("volumes", "space") else ())
        for kind in sorted(KINDS)
    ],
)
def test_what_is_planted_is_named(kind, how):
    make, family, ranges = KINDS[kind]
    x = moved(make(SETS * EACH), family, how, ranges)
    sets = torch.arange(SETS).repeat_interleave(EACH)
    (one,) = shared_by(x, sets, family, ranges)
    assert one.verdict == how, one


def test_what_sets_share_is_not_claimed_if_elements_are_assigned_at_random():
    """The control: the same elements, with other sets."""
    make, family, ranges = KINDS["clouds"]
    x = moved(make(SETS * EACH), family, "shared", ranges)
    sets = torch.arange(SETS).repeat_interleave(EACH)
    order = torch.randperm(len(sets), generator=torch.Generator().manual_seed(0))
    (one,) = shared_by(x, sets[order], family, ranges)
    assert one.verdict == "independent"


def test_sets_of_unequal_sizes_and_too_few_sets():
    make, family, ranges = KINDS["clouds"]
    x = moved(make(SETS * EACH), family, "shared", ranges)
    sets = torch.arange(SETS).repeat_interleave(EACH)
    left = torch.rand(len(sets), generator=torch.Generator().manual_seed(0)) > 0.3
    assert shared_by(x[left], sets[left], family, ranges)[0].verdict == "shared"
    few = sets < 10
    (one,) = shared_by(x[few], sets[few], family, ranges)
    assert one.verdict == "undecided"
    assert "expected 16 at least" in one.sentence


def test_the_level_of_shared_is_at_most_nominal():
    """Masses within and between sets of one distribution, skewed, 16 and 60 sets."""
    generator = torch.Generator().manual_seed(0)
    wrong = 0
    for run in range(200):
        count = 16 if run % 2 else 60
        within, between = torch.rand(2, count, generator=generator) ** 4
        pairs = Pairs(within, between, torch.full((count,), 0.95))
        wrong += decided({"rotation": pairs}, generator)[0].verdict == "shared"
    assert wrong <= 2
    equal = Pairs(torch.full((16,), 0.9), between[:16], torch.full((16,), 0.95))  # the control
    assert decided({"rotation": equal}, generator)[0].verdict == "shared"


def test_partly_shared_is_undecided():
    generator = torch.Generator().manual_seed(0)
    noise = 0.02 * torch.randn(2, 60, generator=generator)
    pairs = Pairs(0.5 + noise[0], 0.1 + noise[1], torch.full((60,), 0.95))
    (one,) = decided({"shift_x": pairs}, generator)
    assert one.verdict == "undecided"
    assert "more equal within sets than between them, but not the same" in one.sentence


@pytest.mark.parametrize(
    "code",
    [
        "import eqsets\n\nlayer = eqsets.DSS(\n    element_group=g(1), in_features=1\n)",
        'layer = eqsets.DSS(space, "points: 1x0e", neighbors=8)\n# layer(x)',
    ],
)
def test_the_alignment_is_in_the_code(code):
    text = _aligned(Recommendation("a", "", code, ()), "shared").code
    compile(text, "code", "exec")
    assert text.replace(',\n    alignment="shared"', "").replace(', alignment="shared"', "") == code
    assert 'alignment="shared"' in text


@pytest.mark.slow
@pytest.mark.parametrize("how", ["shared", "independent"])
def test_the_report_begins_with_the_answer(how):
    x = moved(clouds(200 * EACH, 2), "cloud-similarity-2d", how, {"rotation": pi}, sets=200)
    report = discover_sets(x.unflatten(0, (200, EACH)), kind="clouds", preset=SHORT, quiet=True)
    assert report.facts["alignment"] == how
    assert f'alignment="{how}"' in report.recommendation.code
    words = "shared by the set" if how == "shared" else "of each of the clouds"
    assert words in report.answer
    assert words in report.summary().splitlines()[0]
    page = report.to_html()
    assert words in page
    assert page.index(words) < page.index("of shape")
    assert "<meter" in page


@pytest.mark.slow
def test_elements_that_are_not_moved_need_no_alignment():
    x = clouds(200 * EACH, 2)
    report = discover_sets(
        x, kind="clouds", sets=np.repeat(np.arange(200), EACH), preset=SHORT, quiet=True
    )
    assert report.facts["alignment"] is None
    assert "alignment" not in report.recommendation.code
    assert report.answer.startswith(("neither", "undecided"))


def test_what_is_no_set_is_refused():
    with pytest.raises(ShapeError, match=r"40 sets of one of the clouds each, expected two"):
        discover_sets(torch.randn(40, 1, 8, 2), kind="clouds")
    with pytest.raises(ShapeError, match=r"got sets of shape \(40, 8, 2\).*Stack the sets"):
        discover_sets(torch.randn(40, 8, 2), kind="clouds")
    with pytest.raises(ShapeError, match="all 40 sets are NaN"):
        discover_sets(torch.full((40, 2, 8, 2), torch.nan), kind="clouds")
    with pytest.raises(ShapeError, match="got 24 clouds, expected 32 at least"):
        discover_sets(torch.randn(12, 2, 8, 2), kind="clouds")
    with pytest.raises(OptionError, match="got groups for sets"):
        discover_sets(torch.randn(40, 2, 8, 2), kind="clouds", groups=[0] * 80)


def test_the_command_asks_for_the_kind_of_sets(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((40, 2, 8, 2)))
    result = CliRunner().invoke(main, ["discover", str(tmp_path / "x.npy"), "--sets"])
    assert result.exit_code == 2
    assert "--sets --kind images" in " ".join(result.output.split())


@pytest.mark.slow
def test_the_command_writes_the_answer(tmp_path, monkeypatch):
    x = moved(clouds(SETS * EACH, 2), "cloud-similarity-2d", "shared", {"rotation": pi})
    sets = x.unflatten(0, (SETS, EACH)).clone()
    sets[::2, -1] = torch.nan  # padding
    np.save(tmp_path / "x.npy", sets.numpy())

    def quickly(data, **options):
        return discover_sets(data, **{**options, "preset": SHORT})

    monkeypatch.setattr(eqsets.set_inference, "discover_sets", quickly)
    given = ["discover", tmp_path / "x.npy", "--sets", "--kind", "clouds", "--quiet"]
    result = CliRunner().invoke(main, [*map(str, given), "--output", str(tmp_path / "o")])
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "o" / "report.json").read_text())
    assert written["facts"]["sets"] == SETS
    assert written["facts"]["elements_of_a_set"] == [EACH - 1, EACH]
    assert written["answer"]
