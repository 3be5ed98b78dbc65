"""What a law is: an id for ever, a statement, and a short function that tries one example.

A law refers to no layer or plugin by name. It states over which *cases* of a subject it ranges
(its groups, feature types, layers on rows, layers on sets) and what must hold for one of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from eqsets.testing.spec import ContractSpec
from eqsets.testing.trial import Trial

__all__ = ["Body", "Cases", "Law", "law"]

Cases: TypeAlias = Sequence[Any] | str
"""Cases to try a law on, none where it does not concern a subject, or why it is skipped."""

Body: TypeAlias = Callable[[Any, Trial], None]

_ID = re.compile(r"EQ[A-Z]\d\d-[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, eq=False)
class Law:
    """One law of the contract.

    Attributes:
        id: ``EQ<family><number>-slug``; may be retired, is never renamed.
        statement: what must hold, in one sentence.
        breaks: what typically breaks it.
        cases: picks what of a subject the law is tried on.
        body: tries one example of one case, and raises where the law does not hold.
        after: ids of laws whose violation explains a violation of this one.
        once: deterministic or costly: one run for each case, nothing drawn.
        slow: why the profile ``quick`` leaves it out, or ``""``.
    """

    id: str
    statement: str
    breaks: str
    cases: Callable[[ContractSpec], Cases]
    body: Body
    after: tuple[str, ...] = ()
    once: bool = False
    slow: str = ""

    def cases_of(self, spec: ContractSpec) -> Cases:
        """Return the cases of a spec and of its variants, or why there are none."""
        chosen: list[Any] = []
        reasons: list[str] = []
        for one in (spec, *spec.variants):
            cases = self.cases(one)
            if isinstance(cases, str):
                reasons.append(cases)
            else:
                chosen += cases
        return chosen or (reasons[0] if reasons else ())

    def __repr__(self) -> str:
        return f"<law {self.id}>"


def law(
    law_id: str,
    statement: str,
    *,
    breaks: str,
    cases: Callable[[ContractSpec], Cases],
    after: tuple[str, ...] = (),
    once: bool = False,
    slow: str = "",
) -> Callable[[Body], Law]:
    """Make a :class:`Law` of the decorated function."""
    if not _ID.fullmatch(law_id):
        raise AssertionError(f"{law_id!r} is not of the form EQ<family><nn>-slug")

    def decorate(body: Body) -> Law:
        return Law(law_id, statement, breaks, cases, body, after, once, slow)

    return decorate
