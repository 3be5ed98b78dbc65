"""Try one law on a subject: draw examples, let hypothesis find the smallest failing one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eqsets.errors import LawViolation, OptionError, PluginError, choices
from eqsets.registry._references import Failure, attempt
from eqsets.tensors.threads import one_thread
from eqsets.testing.law import Law
from eqsets.testing.report import Result
from eqsets.testing.running.search import Log, experiment
from eqsets.testing.spec import ContractSpec
from eqsets.testing.trial import Trial

__all__ = ["PROFILES", "Profile", "Run", "profile_of"]


@dataclass(frozen=True)
class Profile:
    """How much is tried.

    Attributes:
        name: ``"quick"``, ``"default"`` or ``"nightly"``.
        examples: how many examples of each law, shared by its cases.
        least: how many examples of each case at least; the first is always the simplest one.
        slow: whether laws that cost many seconds are tried.
    """

    name: str
    examples: int
    least: int = 3
    slow: bool = True


PROFILES = (
    Profile("quick", 10, least=2, slow=False),
    Profile("default", 50),
    Profile("nightly", 1000),
)


def profile_of(name: str) -> Profile:
    """Return the profile called ``name``.

    Raises:
        OptionError: there is none.
    """
    known = {profile.name: profile for profile in PROFILES}
    if name not in known:
        raise OptionError(f"unknown profile {name!r}: {choices(name, known)}")
    return known[name]


@dataclass(eq=False)
class Run:
    """The laws tried on one subject; each is tried once, also where several others ask for it."""

    subject: ContractSpec
    profile: Profile
    seed: int
    laws: tuple[Law, ...] = ()
    _done: dict[str, Result] = field(default_factory=dict)

    def result(self, law: Law) -> Result:
        """Return the outcome of the law, whatever else is broken."""
        if law.id not in self._done:
            started = time.perf_counter()
            with one_thread():
                outcome = self._try(law)
            outcome = self._explained(law, outcome)
            seconds = time.perf_counter() - started
            self._done[law.id] = Result(**{**outcome, "seconds": seconds})
        return self._done[law.id]

    def concerns(self, law: Law) -> bool:
        """Return whether the law concerns the subject, even where it is skipped."""
        return bool(law.cases_of(self.subject))

    def reproduce(self, law: Law) -> str:
        """Return one line that tries the law again in the same way."""
        if self.subject.plugin:
            profile = "" if self.profile.name == "default" else f" --profile {self.profile.name}"
            return f"eqsets check {self.subject.name} --only {law.id} --seed {self.seed}{profile}"
        profile = "" if self.profile.name == "default" else f", profile={self.profile.name!r}"
        return f"eqsets.testing.check(subject, only={law.id!r}, seed={self.seed}{profile})"

    def _explained(self, law: Law, outcome: dict[str, Any]) -> dict[str, Any]:
        """Turn a failure into a consequence if a law that this one depends on fails."""
        if outcome["status"] != "failed":
            return outcome
        for other in self.laws:
            if other.id in law.after and self.concerns(other) and _broken(self.result(other)):
                reason = f"follows from {other.id}: {outcome['reason']}"
                return {**outcome, "status": "follows", "reason": reason}
        return outcome

    def _trial_and_error(self, law: Law, cases: Sequence[Any], log: Log) -> Failure | None:
        """Try one case after the other, up to the first on which the law fails."""
        # If a law that this one depends on is known to fail, the smallest example is that one's.
        shrink = not any(other in law.after and _broken(self._done[other]) for other in self._done)
        share = max(self.profile.least, self.profile.examples // len(cases))
        for case in cases:
            log.case = getattr(case, "label", "")
            outcome = attempt(experiment(law, case, log, share, self.seed, shrink=shrink))
            if isinstance(outcome, Failure):
                return outcome
        log.store()
        return None

    def _try(self, law: Law) -> dict[str, Any]:
        base = {
            "id": law.id,
            "statement": law.statement,
            "seed": self.seed,
            "reproduce": self.reproduce(law),
        }
        cases = law.cases_of(self.subject)
        if isinstance(cases, str):
            return {**base, "status": "skipped", "reason": cases}
        if law.slow and not self.profile.slow:
            return {**base, "status": "skipped", "reason": law.slow}
        log = Log()
        failure = self._trial_and_error(law, cases, log)
        if failure is None:
            measured = _measured(log.worst, log.worst_case, log)
            return {**base, **measured, "status": "passed"}
        if isinstance(failure.cause, PluginError):
            raise failure.cause  # hypothesis or a backend is missing: nothing was tried
        violated = isinstance(failure.cause, LawViolation)
        return {
            **base,
            **_measured(log.last, log.case, log),
            "status": "failed",
            "reason": str(failure.cause) if violated else f"raised {failure.text}",
            "example": dict(log.last.example) if log.last else {},
        }


def _broken(result: Result) -> bool:
    return result.status in ("failed", "follows")


def _measured(trial: Trial | None, case: str, log: Log) -> dict[str, Any]:
    """Return the figures of the trial that decides a result."""
    error, budget = (None, None) if trial is None else (trial.error, trial.budget)
    return {"case": case, "error": error, "budget": budget, "examples": log.count}
