"""The tables of the data-efficiency example, and the published InvVAE."""

from __future__ import annotations

import pytest
import torch

import data_efficiency
from data_efficiency import SHAPE, base
from eqsets.generative import SymmetryModel
from experiments.models.published_invvae import PrototypeVAE, nats_of_prototypes
from experiments.tables.efficiency import (
    add_row,
    draw,
    markdown,
    plot,
    published,
    read_rows,
    render,
)

ABOUT = {"tests": 500, "base": -600.0}
BOUNDS = {("vae", 4000): (40.0, 60.0), ("vae", 1000): (-80.0, -80.0), ("aug", 4000): (100.0, 100.0)}


def row(kind: str, digits: int, seed: int, iwlb: float) -> dict[str, object]:
    about = {"kind": kind, "digits": digits, "seed": seed, "iwlb": iwlb}
    return about | {"steps": 2000, "draws": 50, "ess": 1.5, "best": 900.0, "cpu": 20.0}


@pytest.fixture
def rows() -> list[dict[str, object]]:
    return [
        row(kind, digits, seed, iwlb)
        for (kind, digits), bounds in BOUNDS.items()
        for seed, iwlb in enumerate(bounds)
    ]


def cells(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_losses_are_paired_by_seed_and_shares_of_the_gain(rows):
    table = cells(markdown(ABOUT, rows))
    assert table[0][:4] == ["nats", "4,000", "1,000", "lost: 4,000 to 1,000"]
    assert table[2][:3] == ["VAE", "50.0 ± 10.0", "-80.0 ± 0.0"]
    assert table[2][3] == "130.0 ± 10.0 (20.0 ± 1.2 %)"  # 120 of 640 and 140 of 660
    assert "over 2 seeds" in markdown(ABOUT, rows)
    assert "over 1 to 2 seeds" in markdown(ABOUT, rows[:-1])
    assert table[3][:4] == ["AugVAE, rotations", "100.0 ± 0.0", "", ""], "nothing is interpolated"


def test_shares_do_not_depend_on_the_units_of_pixels(rows):
    other = [one | {"iwlb": one["iwlb"] + 784 * 4.8} for one in rows]  # bytes instead of [-1, 1]
    moved = {**ABOUT, "base": ABOUT["base"] + 784 * 4.8}
    assert [line[3] for line in cells(markdown(moved, other))] == [
        line[3] for line in cells(markdown(ABOUT, rows))
    ]


def test_the_base_is_the_best_gaussian_around_the_mean():
    generator = torch.Generator().manual_seed(0)
    x = 0.3 * torch.randn(400, *SHAPE, generator=generator)
    truth = torch.distributions.Normal(0.0, 0.3).log_prob(x).flatten(1).sum(1).mean()
    assert base(x, x) == pytest.approx(float(truth), abs=3)
    assert base(x, x + 1) < base(x, x) - 1000  # control: other images are worse


def test_rows_of_two_processes_are_all_kept(tmp_path, rows):
    path = tmp_path / "data-efficiency.json"
    for one in reversed(rows):
        add_row(path, ABOUT, one)
    about, rows_read = read_rows(path)
    assert about == ABOUT
    assert sorted(rows_read, key=str) == sorted(rows, key=str)
    assert [one["seed"] for one in rows_read] == sorted(one["seed"] for one in rows)
    assert markdown(ABOUT, rows_read) in (render(path, "image.png") or "")
    assert plot(path, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert render(tmp_path / "signals.json", "image.png") is None
    draw(tmp_path / "few.png", ABOUT, rows[:1])


def test_bounds_of_other_digits_are_not_mixed(tmp_path, rows, monkeypatch, capsys):
    add_row(tmp_path / "rows.json", ABOUT, rows[0])
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)  # of other tests
    asked = ["data_efficiency.py", "--quick", "--rows", str(tmp_path / "rows.json")]
    monkeypatch.setattr("sys.argv", asked)
    with pytest.raises(SystemExit):
        data_efficiency.main()
    assert "bounds of 500 digits, not 300: name another" in capsys.readouterr().err


def test_constant_pixels_are_worth_what_the_floor_is():
    torch.manual_seed(0)
    vae = PrototypeVAE(SHAPE).requires_grad_(False)
    vae.log_noise.data.fill_(-3.0)  # far below the floor
    x = torch.full((2, *SHAPE), -1.0)
    assert float(vae.by_pixel(x, x).mean()) == pytest.approx(3.686, abs=1e-3)
    vae.log_noise.data.zero_()
    assert float(vae.by_pixel(x, x).mean()) == pytest.approx(-0.919, abs=1e-3)


def test_shares_of_the_published_bound_add_up(turned_digits):
    model, x = turned_digits
    torch.manual_seed(0)
    vae = PrototypeVAE(SHAPE)
    vae.log_noise.data[:, :14] = -3.0
    shares = nats_of_prototypes(vae, model, x, 2)
    assert shares.pixels == 14 * 28
    assert shares.hit == 1.0, "the stroke goes through the upper half"
    prototypes = model.prototype(x).clamp(-1, 1)
    with torch.no_grad():
        z, _ = vae.encode(prototypes, 1, torch.Generator().manual_seed(0))
        whole = vae.log_noisy(prototypes, vae.decoder(z[0])).mean()
    assert shares.floor + shares.others == pytest.approx(float(whole), rel=1e-4)
    assert shares.floor < shares.others, "ink where none is expected costs most"
    own = [shares._asdict() | {"kind": "published", "digits": 40, "seed": 0, "best": 9.0}]
    assert cells(published({}, own))[2][0] == "40"


@pytest.fixture
def turned_digits() -> tuple[SymmetryModel, torch.Tensor]:
    class Anywhere(torch.nn.Module):
        def forward(self, prototype: torch.Tensor) -> torch.distributions.Distribution:
            flat = torch.distributions.Uniform(torch.full((1,), -4.0), torch.full((1,), 4.0))
            return torch.distributions.Independent(flat, 1)

    model = SymmetryModel("rotation", SHAPE, backbone="analytic")
    model.density = Anywhere()
    x = torch.full((3, *SHAPE), -1.0)
    x[:, :, 4:24, 13:16] = 1.0
    x[:, :, 4:8, 13:20] = 1.0
    return model, x
