"""Try one law on a subject: draw examples, let hypothesis find the smallest failing one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from eqsets.errors import LawViolation, OptionError, PluginError, choices
from eqsets.registry._references import Failure, attempt
from eqsets.testing.law import Law
from eqsets.testing.record import Subject
from eqsets.testing.report import Result
from eqsets.testing.trial import Trial

__all__ = ["PROFILES", "Profile", "Run", "profile_of"]


@dataclass(frozen=True)
class Profile:
    """How much is tried.

    Attributes:
        name: ``"quick"``, ``"default"`` or ``"nightly"``.
        examples: how many examples of each law, shared by its cases; at least one for each.
        slow: whether laws that cost many seconds are tried.
    """

    name: str
    examples: int
    slow: bool = True


PROFILES = (Profile("quick", 10, slow=False), Profile("default", 50), Profile("nightly", 1000))


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
class _Log:
    """What happened while a law was tried."""

    count: int = 0
    case: str = ""
    last: Trial | None = None
    worst: Trial | None = None
    worst_case: str = ""

    def begin(self, trial: Trial) -> None:
        self.keep()
        self.count += 1
        self.last = trial

    def keep(self) -> None:
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


@dataclass(eq=False)
class Run:
    """The laws tried on one subject; each is tried once, also where several others ask for it."""

    subject: Subject
    profile: Profile
    seed: int
    laws: tuple[Law, ...] = ()
    _done: dict[str, Result] = field(default_factory=dict)

    def result(self, law: Law) -> Result:
        """Return what the law comes to, whatever else is broken."""
        if law.id not in self._done:
            started = time.perf_counter()
            found = self._explained(law, self._try(law))
            seconds = time.perf_counter() - started
            self._done[law.id] = Result(**{**found, "seconds": seconds})
        return self._done[law.id]

    def concerns(self, law: Law) -> bool:
        """Return whether the law says anything about the subject, be it that it is skipped."""
        return bool(law.cases(self.subject))

    def reproduce(self, law: Law) -> str:
        """Return one line that tries the law again in the same way."""
        if self.subject.plugin:
            profile = "" if self.profile.name == "default" else f" --profile {self.profile.name}"
            return f"eqsets check {self.subject.name} --only {law.id} --seed {self.seed}{profile}"
        profile = "" if self.profile.name == "default" else f", profile={self.profile.name!r}"
        return f"eqsets.testing.check(subject, only={law.id!r}, seed={self.seed}{profile})"

    def _explained(self, law: Law, found: dict[str, Any]) -> dict[str, Any]:
        """Turn a failure into a consequence where a law that this one stands on fails."""
        if found["status"] != "failed":
            return found
        for other in self.laws:
            if other.id in law.after and self.concerns(other):
                cause = self.result(other)
                if cause.status in ("failed", "follows"):
                    reason = f"follows from {cause.id}: {found['reason']}"
                    return {**found, "status": "follows", "reason": reason}
        return found

    def _try(self, law: Law) -> dict[str, Any]:
        base = {
            "id": law.id,
            "statement": law.statement,
            "seed": self.seed,
            "reproduce": self.reproduce(law),
        }
        cases = law.cases(self.subject)
        if isinstance(cases, str):
            return {**base, "status": "skipped", "reason": cases}
        if law.slow and not self.profile.slow:
            return {**base, "status": "skipped", "reason": law.slow}
        log, failure, share = _Log(), None, max(1, self.profile.examples // max(1, len(cases)))
        for case in cases:
            log.case = getattr(case, "label", "")
            failure = attempt(_experiment(law, case, log, share, self.seed))
            if isinstance(failure, Failure):
                break
        log.keep()
        if not isinstance(failure, Failure):
            worst = log.worst
            return {
                **base,
                "status": "passed",
                "examples": log.count,
                "case": log.worst_case,
                "error": worst and worst.error,
                "budget": worst and worst.budget,
            }
        if isinstance(failure.cause, PluginError):
            raise failure.cause  # hypothesis is missing: nothing was tried
        last = log.last
        return {
            **base,
            "status": "failed",
            "reason": _reason(failure),
            "examples": log.count,
            "case": log.case,
            "error": last and last.error,
            "budget": last and last.budget,
            "example": dict(last.example) if last else {},
        }


def _reason(failure: Failure) -> str:
    if isinstance(failure.cause, LawViolation):
        return str(failure.cause)
    return f"raised {failure.text}"


def _experiment(law: Law, case: Any, log: _Log, examples: int, seed: int) -> Callable[[], None]:
    """Return what tries one case, and raises on the smallest failing example."""
    if law.once:

        def once() -> None:
            trial = Trial(None, seed)
            log.begin(trial)
            law.body(case, trial)

        return once

    def search() -> None:
        import hypothesis
        from hypothesis import strategies as st

        def example(data: st.DataObject) -> None:
            trial = Trial(data.draw, seed)
            log.begin(trial)
            law.body(case, trial)

        settings = hypothesis.settings(
            max_examples=examples,
            database=None,
            deadline=None,
            derandomize=True,
            phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=tuple(hypothesis.HealthCheck),
            verbosity=hypothesis.Verbosity.quiet,
        )
        hypothesis.seed(seed)(settings(hypothesis.given(st.data())(example)))()

    return search
