"""Molecules as sets of conformers: what is read, what is padded, and what a network sees."""

from __future__ import annotations

import pytest
import torch

import conformers
import eqsets
from experiments import count_parameters
from experiments.data.molecules import ATOMS, FEATURES, embed, load_molecules, read_freesolv


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return load_molecules(tmp_path_factory.mktemp("cache"), conformers.CONFORMERS, 12)


@pytest.fixture(scope="module")
def packed(few):
    return conformers.pack(few)[0].double()


def predict(name, x):
    torch.manual_seed(0)
    with torch.no_grad():
        return conformers.EXPERIMENT.models[name]().double().eval()(x)


def test_freesolv_is_read_whole():
    rows = read_freesolv()
    measured = torch.tensor([float(row["expt"]) for row in rows])
    assert len(rows) == 642
    assert float(measured.min()) == pytest.approx(-25.47)
    assert float(measured.max()) == pytest.approx(3.43)


def test_a_seed_gives_the_same_conformers():
    features, positions, bonds = embed("CCO", 3)
    assert features.shape == (3, FEATURES)
    assert positions.shape == (3, 3, 3)
    assert torch.equal(positions, embed("CCO", 3)[1])
    assert not torch.equal(positions, embed("CCO", 3, seed=8)[1])
    lengths = (positions[:, 0] - positions[:, 1]).norm(dim=1)
    assert ((lengths > 1.4) & (lengths < 1.6)).all(), "a bond between carbons, in Angstrom"
    assert bonds.tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert embed("C=C", 1)[2].tolist() == [[0, 2], [2, 0]]
    oxygen = features[2]
    assert oxygen[[0, 3]].tolist() == [1, 1]
    assert float(oxygen[10]) == 0.5, "one hydrogen"


def test_smiles_that_mean_nothing_are_refused():
    with pytest.raises(eqsets.OptionError, match="does not read 'C1CC'"):
        embed("C1CC", 2)


def test_the_embedding_is_kept(few, tmp_path):
    again = load_molecules(tmp_path, conformers.CONFORMERS, 12)
    stored = load_molecules(tmp_path, conformers.CONFORMERS, 12)
    for first, second, third in zip(few, again, stored, strict=True):
        assert torch.equal(first, second)
        assert torch.equal(first, third)


@pytest.mark.parametrize("name", ["dss", "separate", "siamese", "bonds", "orders", "counts"])
def test_padding_changes_nothing(name, packed):
    """The output for a molecule is the same alone and in a batch with larger ones."""
    together = predict(name, packed)
    for number in range(3):
        size = int((packed[number, 0, :, 0] != 0).sum())
        own = packed[number : number + 1, :, :size]
        own = torch.cat([own[..., : FEATURES + size], own[..., FEATURES + ATOMS :]], -1)
        if name in ("bonds", "orders", "counts"):  # these do not look at positions
            alone = predict(name, own)
        else:
            alone = predict(name, packed[number : number + 1, :, :size])
        assert float((alone - together[number]).abs().max()) < 1e-12


@pytest.mark.parametrize("name", ["dss", "separate", "siamese", "one", "bonds", "orders"])
def test_each_conformer_may_turn_and_shift_by_itself(name, packed):
    group = conformers.SPACE.group
    g = group.sample(len(packed), conformers.CONFORMERS, generator=torch.Generator().manual_seed(0))
    moved, stretched = packed.clone(), packed.clone()
    moved[..., -3:] = packed[..., -3:] @ g.mT + torch.randn(len(packed), 5, 1, 3).double()
    stretched[..., -3:] *= 1.1
    before = predict(name, packed)
    assert float((predict(name, moved) - before).abs().max()) < 1e-11
    change = float((predict(name, stretched) - before).abs().max())
    assert (change > 1e-4) == (name not in ("bonds", "orders")), "graph networks see no shape"


def test_networks_are_of_one_size():
    built = {name: build() for name, build in conformers.EXPERIMENT.models.items()}
    counts = {name: count_parameters(model) for name, model in built.items()}
    trivial = counts.pop("counts"), counts.pop("constant")
    assert trivial == (FEATURES + 1, FEATURES + 1)
    assert all(abs(n - conformers.BUDGET) <= 0.05 * conformers.BUDGET for n in counts.values())


def test_orders_of_bonds_matter_where_they_are_seen(packed):
    single = packed.clone()
    orders = single[..., FEATURES : FEATURES + ATOMS]
    orders[orders != 0] = 1
    for name in ("bonds", "orders"):
        change = float((predict(name, single) - predict(name, packed)).abs().max())
        assert (change > 1e-4) == (name == "orders")


def test_only_one_conformer_depends_on_the_order(packed):
    reordered = packed[:, [3, 1, 0, 4, 2]]
    changes = {
        name: float((predict(name, reordered) - predict(name, packed)).abs().max())
        for name in ("dss", "separate", "one")
    }
    assert changes["dss"] < 1e-12
    assert changes["separate"] < 1e-12
    assert changes["one"] > 1e-6


def test_conformers_share_only_in_dss(packed):
    """Move an atom of one conformer: does the prediction from the others change?"""
    changed = packed.clone()
    changed[:, 0, 0, -3:] += 0.3
    changes = {}
    for name in ("dss", "separate"):
        torch.manual_seed(0)
        model = conformers.EXPERIMENT.models[name]().double()
        seen = []
        model.head.register_forward_hook(lambda module, inputs, output: seen.append(output))  # noqa: B023
        with torch.no_grad():
            model(packed)
            model(changed)
        changes[name] = float((seen[0] - seen[1])[:, 1:].abs().max())
    assert changes["dss"] > 1e-6
    assert changes["separate"] == 0


def test_splits_have_no_molecule_twice():
    sets = conformers.data("first 40", 0)
    (first, _), (second, _) = sets.validation, sets.test
    assert len(first) == 64 * 40 // 642
    assert len(second) == 128 * 40 // 642
    train, _ = sets.draw(500, torch.Generator().manual_seed(0))
    keys = [
        {tuple(x[..., -3:].flatten().tolist()) for x in part} for part in (first, second, train)
    ]
    assert sum(map(len, keys)) == len(set.union(*keys)) == 40, "every molecule is somewhere, once"
