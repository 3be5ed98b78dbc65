"""The outcome of a check: one result for each law, as a table for people, as data for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from textwrap import indent
from typing import Any, Literal, TypeAlias

import torch

__all__ = ["Report", "Result", "Status"]

SCHEMA_VERSION = 1

Status: TypeAlias = Literal[
    "passed", "failed", "follows", "skipped", "expected failure", "unexpected pass"
]
_BAD: tuple[Status, ...] = ("failed", "unexpected pass")


@dataclass(frozen=True)
class Result:
    """What one law came to on one subject.

    Attributes:
        id: of the law.
        statement: of the law.
        status: ``"passed"``; ``"failed"``; ``"follows"`` (broken, because a law that it depends on
            is); ``"skipped"``; ``"expected failure"``; ``"unexpected pass"`` (counts as a failure).
        reason: why it is not ``"passed"``.
        case: which case failed, or came closest to failing.
        error: largest measured error, measured against its budget.
        budget: the budget that belongs to it.
        examples: how many examples were tried.
        example: the smallest failing example: size, group element, shape, dtype, seed.
        seed: from which the examples were drawn.
        reproduce: one line that tries the law again in the same way.
        seconds: how long it took.
    """

    id: str
    statement: str
    status: Status
    reason: str = ""
    case: str = ""
    error: float | None = None
    budget: float | None = None
    examples: int = 0
    example: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    reproduce: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether this is as it should be, or explained by another result."""
        return self.status not in _BAD

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain data, for JSON."""
        return {
            "id": self.id,
            "statement": self.statement,
            "status": self.status,
            "reason": self.reason,
            "case": self.case,
            "max_rel_error": self.error,
            "budget": self.budget,
            "n_examples": self.examples,
            "minimal_example": dict(self.example),
            "seed": self.seed,
            "reproduce": self.reproduce,
            "seconds": round(self.seconds, 4),
        }

    def describe(self) -> str:
        """Return everything that helps to fix a failure, on a few lines."""
        lines = [f"{self.id}: {self.status}", f"  law:       {self.statement}"]
        lines.append(f"  result:    {self.reason}")
        if self.example:
            drawn = ", ".join(f"{name}={value}" for name, value in self.example.items())
            lines.append(f"  example:   {drawn}")
        if self.error is not None and self.budget is not None:
            lines.append(f"  measured:  error {self.error:.1e}, budget {self.budget:.1e}")
        return "\n".join([*lines, f"  reproduce: {self.reproduce}"])


@dataclass(frozen=True)
class Report:
    """The results of all laws that concern a subject.

    Attributes:
        subject: name of the subject.
        profile: how many examples were tried.
        seed: from which they were drawn.
        results: one for each law, in the order of the laws.
    """

    subject: str
    profile: str
    seed: int
    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Whether every law holds, is skipped for a reason, or fails as expected."""
        return not self.failures

    @property
    def failures(self) -> tuple[Result, ...]:
        """Laws that fail, and laws that were expected to and do not; not what follows from them."""
        return tuple(result for result in self.results if not result.ok)

    @property
    def seconds(self) -> float:
        """How long all laws took."""
        return sum(result.seconds for result in self.results)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data, for JSON."""
        return {
            "schema_version": SCHEMA_VERSION,
            "eqsets_version": version("eqsets"),
            "torch_version": torch.__version__,
            "subject": self.subject,
            "profile": self.profile,
            "seed": self.seed,
            "ok": self.ok,
            "seconds": round(self.seconds, 3),
            "checks": [result.to_dict() for result in self.results],
        }

    def _row(self, result: Result, width: int) -> str:
        error, budget = (
            "" if value is None else f"{value:.0e}" for value in (result.error, result.budget)
        )
        return (
            f"{result.id:<{width}}  {result.status:<16}  {error:>6}  {budget:>6}  "
            f"{result.examples:>8}  {result.seconds:>6.2f}"
        )

    def __str__(self) -> str:
        width = max((len(result.id) for result in self.results), default=3)
        lines = [
            f"{'law':<{width}}  {'status':<16}  {'error':>6}  {'budget':>6}  {'examples':>8}  "
            f"{'s':>6}"
        ]
        lines += [self._row(result, width) for result in self.results]
        skipped = [result for result in self.results if result.status == "skipped"]
        if skipped:
            lines.append("\nskipped:")
            lines += [f"  {result.id}: {result.reason}" for result in skipped]
        for result in self.results:
            if result.status in ("failed", "unexpected pass"):
                lines += ["", result.describe()]
            elif result.status in ("follows", "expected failure"):
                lines += ["", f"{result.id}: {result.status}", indent(result.reason, "  ")]
        return "\n".join([*lines, "", self.summary()])

    def summary(self) -> str:
        """Return the report on one line."""
        counts = Counter(result.status for result in self.results)
        statuses = ", ".join(f"{count} {status}" for status, count in counts.items())
        verdict = "passes its contract" if self.ok else "fails its contract"
        return (
            f"{self.subject} {verdict}: {len(self.results)} laws, {statuses or 'none tried'} "
            f"(profile {self.profile}, seed {self.seed}, {self.seconds:.1f} s)"
        )
