"""``check``: subjects, reports, expected failures, seeds, and what it refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unittest
from graphlib import TopologicalSorter

import pytest
import torch
from torch import nn

from eqsets import DSS, LawViolation, OptionError, PluginError, element_group
from eqsets.generated import cyclic
from eqsets.groups import CyclicGroup
from eqsets.testing import LAWS, ContractSpec, Report, SetCase, check, iter_checks
from eqsets.testing.running.runner import Run, profile_of
from tests.testing.controls.groups import NoInverse
from tests.testing.controls.sets import CONTROLS, RING, VECTORS, QuietNonlinear, Weighted

INVERSE = "EQG02-inverse"


def test_ids_are_stable_in_form_and_unique() -> None:
    ids = [law.id for law in LAWS]
    assert len({law_id[:5] for law_id in ids}) == len(ids)
    assert all(re.fullmatch(r"EQ[GALOCVSNDTW]\d\d(-[a-z0-9]+)+", law_id) for law_id in ids)


def test_no_law_stands_on_itself() -> None:
    order = TopologicalSorter({law.id: law.after for law in LAWS})
    assert set(order.static_order()) == {law.id for law in LAWS}


def test_importing_the_kit_needs_neither_pytest_nor_hypothesis() -> None:
    script = """if True:
        import sys, eqsets.testing
        assert not {"hypothesis", "pytest", "torch._dynamo"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", script], check=True)


def test_missing_hypothesis_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(PluginError, match=r'Run: pip install "eqsets\[testing\]"'):
        check(CyclicGroup(3), only="EQG01-identity")


def test_a_failure_says_everything_that_helps() -> None:
    report = check(NoInverse(7), profile="default")
    (failure,) = report.failures
    assert (failure.id, failure.status, failure.case) == (INVERSE, "failed", "group")
    assert failure.example == {"g": "1"}, "one generator, and g is its own inverse's example"
    assert (failure.error, failure.budget) == (2.0, 0.0)
    assert failure.reproduce == f"eqsets.testing.check(subject, only={INVERSE!r}, seed=0)"
    assert "(g g^-1) h is not h" in failure.reason
    assert failure.describe() in str(report)
    assert report.summary() in str(report)


def test_names_are_reproduced_by_the_command_line() -> None:
    (law,) = [law for law in LAWS if law.id == INVERSE]
    run = Run(ContractSpec("cyclic", plugin=True), profile_of("quick"), 5)
    assert run.reproduce(law) == f"eqsets check cyclic --only {INVERSE} --seed 5 --profile quick"


def test_a_quiet_layer_is_loud_in_relative_terms() -> None:
    (failure,) = check(CONTROLS["EQL11-set-element-group"], profile="quick").failures
    assert failure.example["n"] == "2"
    assert failure.error is not None
    assert failure.error > 1e-2


def test_the_report_is_data() -> None:
    report = check(NoInverse(4), profile="quick", seed=3)
    data = json.loads(json.dumps(report.to_dict()))
    assert (data["ok"], data["subject"], data["profile"], data["seed"]) == (
        False,
        "NoInverse(size=4)",
        "quick",
        3,
    )
    (failed,) = [entry for entry in data["checks"] if entry["status"] == "failed"]
    assert failed["minimal_example"] == {"g": "1"}
    assert failed["n_examples"] >= 1


def test_only_picks_laws() -> None:
    report = check(CyclicGroup(4), only=["EQG01-identity", "EQG07-order"])
    assert [result.id for result in report.results] == ["EQG01-identity", "EQG07-order"]
    assert check(CyclicGroup(4), only="EQL03-invariant").results == ()


def test_expected_failures_are_expected_and_strict() -> None:
    expected = {INVERSE: "a known bug"}
    report = check(NoInverse(4), profile="quick", expected_failures=expected)
    (result,) = [result for result in report.results if result.id == INVERSE]
    assert report.ok
    assert result.status == "expected failure"
    assert result.reason.startswith("a known bug")
    (surprise,) = check(CyclicGroup(4), profile="quick", expected_failures=expected).failures
    assert surprise.status == "unexpected pass"
    assert "remove it from expected_failures" in surprise.reason


def test_a_record_declares_expected_failures() -> None:
    spec = ContractSpec("mine", group=NoInverse(4), expected_failures={INVERSE: "a known bug"})
    assert check(spec, profile="quick").ok


def test_a_failure_can_raise() -> None:
    with pytest.raises(LawViolation, match=r"NoInverse.* fails its contract"):
        check(NoInverse(4), profile="quick", on_fail="raise")
    assert isinstance(check(CyclicGroup(4), profile="quick", on_fail="raise"), Report)


def test_seeds_draw_other_examples_and_repeat() -> None:
    # All laws, not one: the largest error of a single law may well be the same over two seeds.
    def drawn(seed: int | None) -> list[float | None]:
        return [one.error for one in check(RING_LAYER, profile="quick", seed=seed).results]

    assert drawn(1) == drawn(1) != drawn(2)
    assert drawn(None) == drawn(0)


RING_LAYER = DSS(cyclic(5), 1, 2)


def test_global_randomness_and_the_subject_are_left_alone() -> None:
    state = torch.get_rng_state()
    weights = {name: value.clone() for name, value in RING_LAYER.state_dict().items()}
    assert check(RING_LAYER, profile="quick").ok
    assert torch.equal(torch.get_rng_state(), state)
    assert RING_LAYER.training
    for name, value in RING_LAYER.state_dict().items():
        assert torch.equal(value, weights[name])


def test_checks_are_callables_that_raise() -> None:
    checks = dict(iter_checks(NoInverse(4), profile="quick"))
    assert checks["EQG01-identity"]() is None
    with pytest.raises(LawViolation, match="breaks a law"):
        checks[INVERSE]()
    with pytest.raises(unittest.SkipTest, match="no Lie algebra"):
        checks["EQG09-exponential"]()


class Encoder(nn.Module):
    """A model as users write it: no eqsets class, two attributes."""

    in_type = out_type = RING

    def __init__(self) -> None:
        super().__init__()
        self.inner = Weighted()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x).relu()


def test_a_model_of_a_user_is_checked_by_its_types() -> None:
    report = check(Encoder(), profile="quick")
    assert report.ok, report
    assert "no module claims to take a mask" in str(report)
    broken = Encoder()
    broken.inner = nn.LayerNorm((5, 2))
    nn.init.normal_(broken.inner.weight)
    # EQN04 may fail as well: torch's own LayerNorm loses most of its gradients in bfloat16.
    assert "EQL11-set-element-group" in {one.id for one in check(broken, profile="quick").failures}


def test_an_exception_of_the_subject_is_a_failure() -> None:
    broken = Encoder()
    broken.inner = nn.Linear(3, 3)
    (failure,) = check(broken, profile="quick", only="EQL10-set-permutation").failures
    assert failure.reason.startswith("raised RuntimeError: ")


def test_sets_may_be_given_with_a_symmetry() -> None:
    symmetry = element_group("cyclic", size=4)
    case = SetCase("extra", QuietNonlinear, VECTORS, VECTORS, VECTORS.group)
    spec = ContractSpec("both", symmetry=symmetry, sets=(case,))
    (failure,) = check(spec, profile="quick", only="EQL11-set-element-group").failures
    assert failure.case == "extra"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: check("cylic"), PluginError, "Did you mean 'cyclic'?"),
        (lambda: check(3), OptionError, "got 3 of type int to check, expected a name"),
        (lambda: check(nn.ReLU()), OptionError, "ReLU declares in_type=None"),
        (lambda: check(CyclicGroup(2), profile="fast"), OptionError, "unknown profile 'fast'"),
        (lambda: check(CyclicGroup(2), only="EQG01"), OptionError, "no law 'EQG01': choose"),
        (
            lambda: check(CyclicGroup(2), expected_failures={"EQG01-identty": "x"}),
            OptionError,
            "Did you mean 'EQG01-identity'?",
        ),
        (
            lambda: check(CyclicGroup(2), expected_failures={"EQL03-invariant": "x"}),
            OptionError,
            "does not concern CyclicGroup",
        ),
        (lambda: check(CyclicGroup(2), on_fail="ignore"), OptionError, "unknown on_fail 'ignore'"),
    ],
)
def test_what_cannot_be_checked_is_refused(call, error, message) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call()
