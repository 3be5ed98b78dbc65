"""The search for the smallest failing example of one law on one case: where hypothesis is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eqsets.testing.law import Law
from eqsets.testing.running._hypothesis import hypothesis_module
from eqsets.testing.trial import Trial

__all__ = ["Log", "experiment"]


@dataclass(eq=False)
class Log:
    """What happened while a law was tried."""

    count: int = 0
    case: str = ""
    last: Trial | None = None
    worst: Trial | None = None
    worst_case: str = ""

    def begin(self, trial: Trial) -> None:
        self.store()
        self.count += 1
        self.last = trial

    def store(self) -> None:
        """Keep the last trial where its error came closest to its budget."""
        last, worst = self.last, self.worst
        if last is None or last.error is None:
            return
        if worst is None or _share(last) > _share(worst):
            self.worst, self.worst_case = last, self.case


def _share(trial: Trial) -> float:
    if not trial.error:
        return 0.0
    return trial.error / trial.budget if trial.budget else float("inf")


def experiment(
    law: Law, case: Any, log: Log, examples: int, seed: int, *, shrink: bool
) -> Callable[[], None]:
    """Return what tries one case, and raises on the smallest failing example.

    Arguments:
        law: the law.
        case: the case.
        log: keeps the trials.
        examples: how many to try.
        seed: where they are drawn from.
        shrink: whether to search for the smallest failing one, or to take the first.
    """
    if law.once:

        def once() -> None:
            trial = Trial(None, seed)
            log.begin(trial)
            law.body(case, trial)

        return once

    def search() -> None:
        hypothesis = hypothesis_module()

        def example(data: Any) -> None:
            trial = Trial(data.draw, seed)
            log.begin(trial)
            law.body(case, trial)

        phases = (hypothesis.Phase.generate, hypothesis.Phase.shrink)
        settings = hypothesis.settings(
            max_examples=examples,
            database=None,
            deadline=None,
            derandomize=True,
            phases=phases if shrink else phases[:1],
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=tuple(hypothesis.HealthCheck),
            verbosity=hypothesis.Verbosity.quiet,
        )
        given = hypothesis.given(hypothesis.strategies.data())
        hypothesis.seed(seed)(settings(given(example)))()

    return search
