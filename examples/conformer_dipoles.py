"""Predict the dipole of every conformer of a molecule, each with its own orientation.

    python examples/conformer_dipoles.py            # Siamese against DSS
    python examples/conformer_dipoles.py --smoke    # a few steps

Expected: relative error 0.71 for a network on single conformers, 0.35 for DSS; the lower bounds by
the noise are sqrt(1/2) = 0.71 and sqrt(1/9) = 0.33. 10 s on one CPU core. Needs
`pip install "eqsets[spatial]"`.

The charge of each atom is measured with independent errors for each of eight conformers. Conformers
share information about their atoms, not about directions: `alignment="independent"` (the wreath
product), where atoms with the same index share invariants. The output is a vector for each
conformer, which is rotated with the conformer.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import torch
from torch import Tensor

import eqsets

ATOMS, CONFORMERS, NOISE = 7, 8, 1.0
STEPS, BATCH = 300, 16


class Molecules(NamedTuple):
    """Sets of conformers."""

    charges: Tensor  # (B, CONFORMERS, ATOMS, 1), as measured
    positions: Tensor  # (B, CONFORMERS, ATOMS, 3)
    dipoles: Tensor  # (B, CONFORMERS, 3)


def molecules(sets: int, generator: torch.Generator) -> Molecules:
    """Return random molecules with random charges, and their true dipoles, the targets."""
    charge = torch.randn(sets, 1, ATOMS, 1, generator=generator)
    charge = charge - charge.mean(2, keepdim=True)
    positions = torch.randn(sets, CONFORMERS, ATOMS, 3, generator=generator)
    noise = NOISE * torch.randn(sets, CONFORMERS, ATOMS, 1, generator=generator)
    return Molecules(charge + noise, positions, (charge * positions).sum(2))


def train(aggregation: str, steps: int) -> torch.nn.Module:
    """Train a network whose output is one vector for each conformer."""
    torch.manual_seed(0)
    space = eqsets.element_group("spatial")
    shared = {"alignment": "independent", "aggregation": aggregation}
    network = eqsets.nn.SetSequential(
        eqsets.DSS(space, "points: 1", "points: 8", **shared),
        eqsets.DSS(space, "points: 8", "points: 8x0e + 8x1o", radius=8.0, **shared),
        eqsets.nn.nonlinearity(space, "points: 8x0e + 8x1o", "silu"),
        eqsets.DSS(space, "points: 8x0e + 8x1o", "points: 8x0e + 1x1o", **shared),
        eqsets.nn.pool(space, "points: 8x0e + 1x1o", reduce="sum"),
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        batch = molecules(BATCH, generator)
        loss = (dipoles(network, batch) - batch.dipoles).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def dipoles(network: torch.nn.Module, batch: Molecules) -> Tensor:
    """Return the vector ``(B, CONFORMERS, 3)`` of the output, after its scalars."""
    y: Tensor = network(batch.charges, structure=batch.positions)
    return y[..., -3:]


def main() -> None:
    """Compare single conformers with sets of conformers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="a few steps only")
    steps = 3 if parser.parse_args().smoke else STEPS
    test = molecules(100, torch.Generator().manual_seed(2))
    for name, aggregation in (("Siamese", "none"), ("DSS", "mean")):
        network = train(aggregation, steps)
        with torch.no_grad():
            relative = (dipoles(network, test) - test.dipoles).norm() / test.dipoles.norm()
        print(f"{name}: relative error {float(relative):.2f}")
    network = network.double()
    exact = Molecules(*(part.double() for part in test))
    g = network.in_type.group.sample(100, CONFORMERS)  # one for each conformer
    turned = exact._replace(positions=exact.positions @ g.mT + torch.randn(100, CONFORMERS, 1, 3))
    with torch.no_grad():
        output = dipoles(network, turned)
        expected = (g @ dipoles(network, exact)[..., None])[..., 0]
        error = float((output - expected).norm() / expected.norm())
    print(f"equivariance error, each conformer rotated and shifted separately: {error:.1e}")


if __name__ == "__main__":
    main()
