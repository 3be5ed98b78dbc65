"""Baselines for molecules, and the common read-out of all models."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets import InvariantFeatures, SetNetwork, element_group
from eqsets_permutations.edges import Edges
from experiments.data.molecules import ATOMS, FEATURES

__all__ = ["Bonds", "Counts", "Regressor"]

_SPACE = element_group("spatial")
_MEAN, _UNIT = -4.0, 4.0  # kcal/mol: about the mean and the standard deviation


class Regressor(nn.Module):
    """The feature types and the read-out of all models."""

    alignment = "independent"
    in_type = _SPACE.feature_type(f"points: {FEATURES + ATOMS}x0e + 1x1o")
    out_type = InvariantFeatures(1)

    def __init__(self, width: int, hidden: int = 32) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, 1))

    def read(self, features: Tensor, atoms: Tensor) -> Tensor:
        """Return kcal/mol (B, 1) from features (B, N, P, width): the sum over P, mean over N."""
        total = (features * (atoms[..., :1] != 0)).sum(2) / 8
        prediction: Tensor = _MEAN + _UNIT * self.head(total).mean(1)
        return prediction


class Bonds(Regressor):
    """A graph network over bonds (GIN), without positions.

    Arguments:
        scale: channels of an atom.
        orders: whether bonds are weighted by their order: 1, 1.5 (aromatic), 2 or 3.
    """

    def __init__(self, scale: int, orders: bool = False) -> None:
        super().__init__(scale)
        self.orders = orders
        widths = [FEATURES, scale, scale, scale]
        self.body = SetNetwork(
            "permutations", widths, aggregation="none", normalization="element", conv="gin",
            activation="silu",
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Map the output of ``pack`` to (B, 1); all molecules form one disconnected graph."""
        x = x.mean(1, keepdim=True)  # conformers have the same atoms and bonds
        sets, _, points, _ = x.shape
        bonds = x[:, 0, :, FEATURES : FEATURES + points]
        molecule, i, j = bonds.nonzero().unbind(1)
        index = torch.stack([i, j]) + points * molecule
        edges = Edges(index, bonds[molecule, i, j] if self.orders else None)
        atoms = x[..., :FEATURES]
        features = self.body(atoms.reshape(1, 1, sets * points, FEATURES), structure=edges)
        features = nn.functional.silu(features).view(sets, 1, points, -1)
        return self.read(features, atoms)


class Counts(Regressor):
    """A linear function of the numbers of atoms of each type; or a constant."""

    def __init__(self, *, constant: bool = False) -> None:
        super().__init__(FEATURES)
        self.constant, self.head = constant, nn.Linear(FEATURES, 1)  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        """Map the output of ``pack`` to (B, 1)."""
        atoms = x[..., :FEATURES].mean(1, keepdim=True)
        return self.read(0 * atoms if self.constant else atoms, atoms)
