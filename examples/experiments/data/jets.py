"""Jets of massless particles, a documented toy: one prong or two, exact in the Lorentz group.

A particle of mass about 80 GeV and momentum about 500 GeV decays into 8 to 16 massless particles by
splittings of one into two, each isotropic in the rest frame of what splits, so that 4-momentum is
conserved exactly. One prong: each splitting emits one particle. Two prongs: the first splitting has
two products of at most half the mass, each of which then emits particles. Masses and numbers of
particles have the same distribution in both classes, which are equally likely. So the answer
depends on inner products of momenta alone. This is no simulation: there are no detector, no beam
remnants and no QCD.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["boosted", "make_jets", "moved", "split"]

UNIT = 20.0  # GeV, the unit of the momenta
MASS, SPREAD = 80.4, 0.2  # GeV, and the standard deviation of the logarithm of the mass
MOMENTUM, CONE = (400.0, 600.0), 0.3  # GeV and radians (standard deviation of each angle)
SMALLEST, LARGEST = 8, 16  # numbers of particles
EMISSION, PRONG = (0.5, 0.9), (0.1, 0.5)  # mass after a splitting, relative to the mass before
RAPIDITY = 1.5  # of the largest boost of test jets


def uniform(low: float, high: float, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Return uniform numbers in float64."""
    return low + (high - low) * torch.rand(shape, generator=rng, dtype=torch.float64)


def isotropic(count: int, rng: torch.Generator) -> Tensor:
    """Return random unit vectors (count, 3)."""
    return nn.functional.normalize(torch.randn(count, 3, generator=rng, dtype=torch.float64), dim=1)


def boosted(p: Tensor, velocity: Tensor) -> Tensor:
    """Return 4-momenta (..., 4) as (E, px, py, pz), boosted by velocities (..., 3) below 1."""
    squared = velocity.square().sum(-1, keepdim=True)
    gamma = (1 - squared).rsqrt()
    energy, momentum = p[..., :1], p[..., 1:]
    along = (velocity * momentum).sum(-1, keepdim=True)
    factor = gamma.square() / (gamma + 1) * along + gamma * energy
    return torch.cat([gamma * (energy + along), momentum + factor * velocity], -1)


def split(p: Tensor, masses: tuple[Tensor, Tensor, Tensor], rng: torch.Generator) -> list[Tensor]:
    """Return the products (jets, 4) of decays of ``p``, isotropic in its rest frame.

    Arguments:
        p: 4-momenta (jets, 4).
        masses: of ``p`` and of both products, (jets,).
        rng: random numbers.
    """
    mass, first, second = (each[:, None] for each in masses)
    energy = (mass.square() + first.square() - second.square()) / (2 * mass)
    size = (energy.square() - first.square()).clamp(min=0).sqrt()
    momentum = size * isotropic(len(p), rng)
    rest = [torch.cat([energy, momentum], 1), torch.cat([mass - energy, -momentum], 1)]
    return [boosted(each, p[:, 1:] / p[:, :1]) for each in rest]


def emissions(p: Tensor, mass: Tensor, count: int, rng: torch.Generator) -> list[Tensor]:
    """Split ``p`` into ``count`` massless particles, one by one."""
    nothing, particles = torch.zeros_like(mass), []
    for left in range(count - 1, 0, -1):
        rest = mass * uniform(*EMISSION, (len(p),), rng) if left > 1 else nothing
        p, particle = split(p, (mass, rest, nothing), rng)
        particles.append(particle)
        mass = rest
    return [*particles, p]


def jets_of_size(count: int, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return jets (count, size, 4) in GeV, half of them with two prongs, and their labels."""
    mass = MASS * (SPREAD * torch.randn(count, generator=rng, dtype=torch.float64)).exp()
    angles = CONE * torch.randn(count, 2, generator=rng, dtype=torch.float64)
    axis = nn.functional.normalize(torch.cat([torch.ones(count, 1), angles.tan()], 1), dim=1)
    momentum = uniform(*MOMENTUM, (count, 1), rng) * axis
    energy = (mass[:, None].square() + momentum.square().sum(1, keepdim=True)).sqrt()
    p = torch.cat([energy, momentum], 1)
    one = torch.stack(emissions(p, mass, size, rng), 1)
    masses = [mass * uniform(*PRONG, (count,), rng) for _ in range(2)]
    sizes = (size // 2, size - size // 2)
    prongs = split(p, (mass, masses[0], masses[1]), rng)
    halves = [
        torch.stack(emissions(prong, own, particles, rng), 1)
        for prong, own, particles in zip(prongs, masses, sizes, strict=True)
    ]
    label = torch.rand(count, generator=rng) < 0.5
    return torch.where(label[:, None, None], torch.cat(halves, 1), one), label.float()


def make_jets(count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return jets (count, LARGEST, 4, 1) in float64, NaN where there is no particle, and labels."""
    parts = []
    sizes = torch.randint(SMALLEST, LARGEST + 1, (count,), generator=rng)
    for size in range(SMALLEST, LARGEST + 1):
        p, label = jets_of_size(int((sizes == size).sum()), size, rng)
        parts.append((nn.functional.pad(p, (0, 0, 0, LARGEST - size), value=math.nan), label))
    order = torch.randperm(count, generator=rng)
    p, label = (torch.cat(part)[order] for part in zip(*parts, strict=True))
    return p.unsqueeze(-1) / UNIT, label


def moved(jets: Tensor, rng: torch.Generator) -> Tensor:
    """Return jets (B, N, 4, 1), each rotated at random and boosted in a random direction."""
    normal = torch.randn(len(jets), 3, 3, generator=rng, dtype=torch.float64)
    rotation = torch.linalg.qr(normal).Q
    rotation = rotation * torch.linalg.det(rotation)[:, None, None]  # in three dimensions: proper
    p = jets[..., 0].double()
    p = torch.cat([p[..., :1], p[..., 1:] @ rotation.mT], -1)
    velocity = uniform(0, RAPIDITY, (len(p), 1), rng).tanh() * isotropic(len(p), rng)
    return boosted(p, velocity[:, None]).unsqueeze(-1).to(jets.dtype)
