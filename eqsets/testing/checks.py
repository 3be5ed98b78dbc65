"""Hold a subject to the laws: ``check`` for a report, ``iter_checks`` for one callable a law."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from eqsets.errors import LawViolation, OptionError, choices
from eqsets.testing.law import Law
from eqsets.testing.laws import LAWS
from eqsets.testing.report import Report, Result
from eqsets.testing.resolve import spec_of
from eqsets.testing.running.runner import Run, profile_of
from eqsets.testing.spec import ContractSpec

__all__ = ["Check", "check", "checks_of", "iter_checks"]


class Check:
    """One law on one subject, to be called: returns where the law holds.

    Attributes:
        id: of the law.
        subject: name of the subject.
        expected: why the law is expected to fail, or ``None``.
        marked: whether pytest knows what is expected, and judges it itself.
        profile: name of the profile; the pytest plugin sets it if it is not set.
        result: what came out, once it was called.
    """

    def __init__(
        self,
        law: Law,
        subject: ContractSpec,
        runs: _Runs,
        expected: str | None,
        profile: str | None,
    ) -> None:
        self.id, self.subject, self.expected = law.id, subject.name, expected
        self.profile, self.marked = profile, False
        self.result: Result | None = None
        self._law, self._runs = law, runs

    def run(self) -> Result:
        """Try the law and return what it came to; nothing is raised."""
        run = self._runs.at(self.profile or "default")
        self.result = _judge(run.result(self._law), self.expected)
        return self.result

    def __call__(self) -> None:
        """Try the law.

        Raises:
            LawViolation: it does not hold (or holds, and was expected not to).
            unittest.SkipTest: it does not apply, or fails because another law does.
        """
        result = self.run()
        if result.status in ("skipped", "follows"):
            raise unittest.SkipTest(result.reason)
        if result.status != "passed" and not (self.marked and result.status == "unexpected pass"):
            raise LawViolation(f"{self.subject} breaks a law.\n{result.describe()}")

    def __repr__(self) -> str:
        return f"<check {self.subject}-{self.id}>"


class _Runs:
    """The runs of one subject, one for each profile, so that no law is tried twice."""

    def __init__(self, subject: ContractSpec, seed: int | None) -> None:
        self._subject, self._seed = subject, seed
        self._runs: dict[str, Run] = {}

    def at(self, profile: str) -> Run:
        if profile not in self._runs:
            self._runs[profile] = Run(
                self._subject, profile_of(profile), self._seed or 0, laws=LAWS
            )
        return self._runs[profile]


def _judge(result: Result, expected: str | None) -> Result:
    """Turn an outcome into what it means where a failure is expected."""
    if expected is None or result.status == "skipped":
        return result
    if result.status == "passed":
        reason = (
            f"expected to fail ({expected}), but the law holds: remove it from expected_failures"
        )
        return replace(result, status="unexpected pass", reason=reason)
    return replace(result, status="expected failure", reason=f"{expected} ({result.reason})")


def checks_of(
    given: Any,
    *,
    expected_failures: Mapping[str, str] | None = None,
    only: str | Iterable[str] | None = None,
    profile: str | None = None,
    seed: int | None = None,
) -> tuple[ContractSpec, list[Check]]:
    """Return the complete spec of a subject, and a check for each law that concerns it.

    Raises:
        OptionError: an id is unknown, or an expected failure concerns no law of this subject.
    """
    subject = spec_of(given)
    run = Run(subject, profile_of(profile or "default"), 0, laws=LAWS)
    concerned = [law for law in LAWS if run.concerns(law)]
    known = [law.id for law in LAWS]
    chosen = known if only is None else [only] if isinstance(only, str) else list(only)
    expected = {**subject.expected_failures, **(expected_failures or {})}
    for law_id in (*chosen, *expected):
        if law_id not in known:
            raise OptionError(f"there is no law {law_id!r}: {choices(law_id, known)}")
    for law_id in expected:
        if law_id not in {law.id for law in concerned}:
            raise OptionError(
                f"law {law_id} is expected to fail, but does not concern {subject.name}, expected "
                "the id of a law that is tried. Remove it from expected_failures."
            )
    runs = _Runs(subject, seed)
    checks = [
        Check(law, subject, runs, expected.get(law.id), profile)
        for law in concerned
        if law.id in chosen
    ]
    return subject, checks


def iter_checks(subject: Any, **options: Any) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield ``(id, callable)`` for each law that concerns a subject; options as :func:`check`.

    The callable raises :class:`~eqsets.LawViolation` where the law is broken and
    ``unittest.SkipTest`` where it does not apply.

    Example:
        >>> dict(iter_checks("cyclic"))["EQG01-identity"]()
    """
    for one in checks_of(subject, **options)[1]:
        yield one.id, one


def check(
    subject: Any,
    *,
    profile: str = "default",
    expected_failures: Mapping[str, str] | None = None,
    only: str | Iterable[str] | None = None,
    seed: int | None = None,
    on_fail: Literal["report", "raise"] = "report",
) -> Report:
    """Hold a subject to all laws that concern it.

    Arguments:
        subject: name of an element group or transformation, or an ElementSymmetry,
            TransformationFamily, Group, FeatureType, torch module with ``in_type`` and
            ``out_type``, or :class:`ContractSpec`.
        profile: ``"quick"`` (10 examples a law), ``"default"`` (50) or ``"nightly"`` (1000).
        expected_failures: ``{id: reason}``; such a law must fail.
        only: ids of the laws to try.
        seed: where the examples are drawn from; 0 unless given, so that a run can be repeated.
        on_fail: ``"report"``, or ``"raise"`` a LawViolation with all failures.

    Raises:
        OptionError: the subject is of no kind that can be checked, or an id or profile is unknown.
        PluginError: the name is not found, or hypothesis is not installed.
        LawViolation: a law fails and ``on_fail="raise"``.

    Example:
        >>> report = check("trivial", profile="quick", only="EQL10-set-permutation")
        >>> report.ok, len(report.results)
        (True, 1)
    """
    if on_fail not in ("report", "raise"):
        raise OptionError(f"unknown on_fail {on_fail!r}: {choices(on_fail, ('report', 'raise'))}")
    profile_of(profile)
    spec, checks = checks_of(
        subject, expected_failures=expected_failures, only=only, profile=profile, seed=seed
    )
    report = Report(spec.name, profile, seed or 0, tuple(one.run() for one in checks))
    if on_fail == "raise" and not report.ok:
        details = "\n\n".join(result.describe() for result in report.failures)
        raise LawViolation(f"{report.summary()}\n\n{details}")
    return report
