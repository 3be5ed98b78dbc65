"""L: every module that a symmetry makes for rows commutes with the group."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eqsets.testing.bench import RowBench
from eqsets.testing.law import Law, law
from eqsets.testing.spec import ContractSpec, RowCase
from eqsets.testing.tolerance import coarse, rounding
from eqsets.testing.trial import Trial, randomness

__all__ = ["LAWS", "role"]


def role(*names: str) -> Callable[[ContractSpec], Sequence[RowCase] | str]:
    """Return what picks the row modules of one role, or of several."""

    def pick(subject: ContractSpec) -> Sequence[RowCase] | str:
        chosen = [case for case in subject.rows if case.role in names]
        if not chosen and subject.symmetry is not None:
            return f"the symmetry offers no {' and no '.join(names)} for these types"
        return chosen

    return pick


def _equivariant(case: RowCase, trial: Trial) -> None:
    RowBench(trial, case).equivariant(coarse(case.tolerance))


@law(
    "EQL01-linear-equivariance",
    "The linear layer commutes with the group: f(g x) = g f(x).",
    breaks="weights that are not shared along an orbit, such as a dense layer",
    cases=role("linear"),
)
def linear_equivariance(case: RowCase, trial: Trial) -> None:
    _equivariant(case, trial)


@law(
    "EQL02-linear-is-affine",
    "The linear layer is linear up to its bias: f(x/4 + 3y/4) = f(x)/4 + 3 f(y)/4.",
    breaks="an activation or a normalisation inside what should be linear",
    cases=role("linear"),
)
def linear_is_affine(case: RowCase, trial: Trial) -> None:
    bench = RowBench(trial, case)
    x, y = bench.x, bench.x.flip(0) * 2
    mixed = bench.run(0.25 * x + 0.75 * y)
    expected = 0.25 * bench.run(x) + 0.75 * bench.run(y)
    trial.compare(mixed, expected, rounding(x.dtype), case.label, bench.gap())


@law(
    "EQL03-invariant",
    "The invariant read-out gives numbers that the group cannot change: u(g x) = u(x).",
    breaks="reading one point instead of the mean over its orbit",
    cases=role("invariant", "maximum"),
)
def invariant(case: RowCase, trial: Trial) -> None:
    _equivariant(case, trial)


@law(
    "EQL04-embedding",
    "Invariants are written into features that the group leaves invariant.",
    breaks="writing to one point instead of all that the group may bring there",
    cases=role("embed"),
)
def embedding(case: RowCase, trial: Trial) -> None:
    _equivariant(case, trial)


@law(
    "EQL05-norm",
    "Normalisation commutes with the group, while training and after.",
    breaks="statistics or weights of each component by itself, as torch's LayerNorm has them",
    cases=role("norm"),
)
def norm(case: RowCase, trial: Trial) -> None:
    bench = RowBench(trial, case)
    for training in (False, True):
        bench.module.train(training)
        bench.equivariant(coarse(case.tolerance))


@law(
    "EQL06-nonlinearity",
    "The nonlinearity commutes with the group.",
    breaks="tanh of each component of a vector that rotations mix",
    cases=role("nonlinearity"),
)
def nonlinearity(case: RowCase, trial: Trial) -> None:
    _equivariant(case, trial)


@law(
    "EQL07-dropout",
    "With the same random numbers dropout commutes with the group; after training it is idle.",
    breaks="dropping single components, as torch's Dropout does",
    cases=role("dropout"),
)
def dropout(case: RowCase, trial: Trial) -> None:
    bench = RowBench(trial, case)
    trial.compare(bench.run(bench.x), bench.x, 0.0, f"{case.label} after training")
    bench.module.train()
    moves = bench.draw()
    with randomness(trial.seed):
        moved = bench.run(case.in_type.transform(moves, bench.x))
    with randomness(trial.seed):
        expected = case.out_type.transform(moves, bench.run(bench.x))
    trial.compare(moved, expected, coarse(case.tolerance), f"{case.label} while training")


@law(
    "EQL08-pool",
    "Pooling and up-sampling inside an element commute with the group.",
    breaks="strides that fall between the points that the group moves",
    cases=role("pool"),
)
def pool(case: RowCase, trial: Trial) -> None:
    _equivariant(case, trial)


@law(
    "EQL17-invariant-part",
    "The invariant part of features is a projection that the group cannot change: "
    "P P x = P x, P g x = P x, g P x = P x.",
    breaks="taking the part of one point for that of all",
    cases=role("part"),
)
def invariant_part(case: RowCase, trial: Trial) -> None:
    bench, inside = RowBench(trial, case), case.out_type.interior
    part = bench.run(bench.x)
    budget, gap = coarse(case.tolerance), bench.gap()
    trial.compare(inside(bench.run(part)), inside(part), budget, f"{case.label}, twice", gap)
    moved = bench.run(case.in_type.transform(bench.draw(), bench.x))
    trial.compare(inside(moved), inside(part), budget, f"{case.label} of g x", gap)
    bench.equivariant(budget)


LAWS: tuple[Law, ...] = (
    linear_equivariance,
    linear_is_affine,
    invariant,
    embedding,
    norm,
    nonlinearity,
    dropout,
    pool,
    invariant_part,
)
"""The laws of the family about rows, in order."""
