"""One pytest test for each law of each subject; pytest is only needed by who calls this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from eqsets.errors import LawViolation, OptionError, PluginError
from eqsets.testing.checks import checks_of

if TYPE_CHECKING:
    import pytest

__all__ = ["parametrize_with_checks"]


def parametrize_with_checks(
    subjects: Iterable[Any],
    *,
    expected_failures: Mapping[str, str] | None = None,
    profile: str | None = None,
    seed: int | None = None,
) -> pytest.MarkDecorator:
    """Parametrize a test with ``check``, one for each law of each subject.

    Arguments:
        subjects: what :func:`eqsets.testing.check` takes.
        expected_failures: ``{id: reason}``, strict: such a test must fail.
        profile: ``"quick"``, ``"default"`` or ``"nightly"``; else as ``--eqsets-profile`` says.
        seed: where the examples are drawn from; 0 unless given.

    Raises:
        OptionError: an id is unknown, or concerns none of the subjects.
        PluginError: a name is not found, or pytest is not installed.

    Example:
        The whole test file of a plugin::

            from eqsets.testing import parametrize_with_checks


            @parametrize_with_checks(["cyclic"])
            def test_laws(check):
                check()
    """
    try:
        import pytest
    except ImportError as error:
        raise PluginError(
            "parametrize_with_checks makes tests for pytest, which cannot be imported; expected it "
            "to be installed. Run: pip install pytest, or call eqsets.testing.check(...)."
        ) from error
    given = list(subjects)
    if not given:
        raise OptionError(
            "parametrize_with_checks got no subjects, expected at least one name or object."
        )
    expected = dict(expected_failures or {})
    parameters, matched = [], set()
    for one in given:
        subject, checks = checks_of(one, profile=profile, seed=seed)
        for check in checks:
            reason = expected.get(check.id, check.expected)
            matched |= {check.id} & set(expected)
            check.expected, check.marked = reason, True
            markers = []
            if reason is not None:
                markers.append(pytest.mark.xfail(strict=True, reason=reason, raises=LawViolation))
            parameters.append(pytest.param(check, id=f"{subject.name}-{check.id}", marks=markers))
    if unmatched := sorted(set(expected) - matched):
        raise OptionError(
            f"expected_failures names {unmatched}, which concern none of the subjects, expected "
            "ids of laws that are tried. Remove them, or correct the ids."
        )
    return pytest.mark.parametrize("check", parameters)
