"""L: modules on sets commute with reordering, with the element group, and with both at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from eqsets.testing import strategies
from eqsets.testing.bench import BATCH, SetBench
from eqsets.testing.law import Law, law
from eqsets.testing.spec import ContractSpec, SetCase
from eqsets.testing.tolerance import coarse
from eqsets.testing.trial import Trial

__all__ = ["LAWS", "set_modules"]

_LAYERS = (
    "EQL01-linear-equivariance",
    "EQL03-invariant",
    "EQL04-embedding",
    "EQL05-norm",
    "EQL06-nonlinearity",
)


def set_modules(
    condition: Callable[[SetCase], bool] = lambda case: True, otherwise: str = ""
) -> Callable[[ContractSpec], Sequence[SetCase] | str]:
    """Return what picks the set modules that satisfy ``condition``, or says why there is none."""

    def pick(subject: ContractSpec) -> Sequence[SetCase] | str:
        chosen = [case for case in subject.sets if condition(case)]
        return chosen if chosen or not subject.sets else otherwise

    return pick


@law(
    "EQL10-set-permutation",
    "Reordering the set reorders the output, or leaves the one output of the whole set unchanged.",
    breaks="anything that depends on the position in the set: an index, a cumulative sum",
    cases=set_modules(),
)
def set_permutation(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(2))
    bench = SetBench(trial, case, size)
    order = trial.draw("permutation", strategies.permutations(size))
    moved = bench.run(bench.x[:, order])
    bench.compare(moved, bench.reorder(bench.run(bench.x), order), coarse(0))


@law(
    "EQL11-set-element-group",
    "Moving the elements by the element group (all by one g, or each by its own where the "
    "alignment is independent) moves the output along.",
    breaks="a layer that ignores the group, however small its outputs are: 1e-3 tanh(x) on vectors",
    cases=set_modules(),
    after=_LAYERS,
)
def set_element_group(case: SetCase, trial: Trial) -> None:
    bench = SetBench(trial, case, trial.draw("n", strategies.set_sizes(2)))
    g = bench.draw()
    moved = bench.run(bench.move_in(g, bench.x), g=g)
    bench.compare_moved(moved, bench.move_out(g, bench.run(bench.x)), coarse(case.tolerance))


@law(
    "EQL12-set-joint",
    "Each set of a batch may be reordered and moved on its own, both at once.",
    breaks="sets of one batch that see each other: a mean over the batch axis",
    cases=set_modules(),
    after=(*_LAYERS, "EQL10-set-permutation", "EQL11-set-element-group"),
)
def set_joint(case: SetCase, trial: Trial) -> None:
    size = trial.draw("n", strategies.set_sizes(2))
    bench = SetBench(trial, case, size)
    g = bench.draw(BATCH)
    order = torch.stack(
        [trial.draw("permutation", strategies.permutations(size)), torch.arange(size)]
    )
    moved_x = bench.reorder_in(bench.move_in(g, bench.x), order)
    moved_y = bench.reorder(bench.move_out(g, bench.run(bench.x)), order)
    bench.compare_moved(bench.run(moved_x, g=g), moved_y, coarse(case.tolerance))


LAWS: tuple[Law, ...] = (set_permutation, set_element_group, set_joint)
"""The laws of the family about sets, in order."""
