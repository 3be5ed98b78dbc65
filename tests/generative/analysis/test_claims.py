"""The tests behind the claims have the level that they say."""

from __future__ import annotations

import pytest
import torch

import eqsets
from eqsets.generative.analysis.claims import claims_of
from eqsets.generative.analysis.component import steps_of
from eqsets.generative.analysis.evidence import Evidence
from eqsets.generative.analysis.hypotheses import one_sided_t_test
from eqsets.generative.analysis.units import quantity

LEVELS = (0.05, 0.01)
DRAWS = 20_000


def normal_p_value(values: torch.Tensor) -> float:
    z = float(values.mean() / (values.std() / len(values) ** 0.5))
    return float(torch.special.erfc(torch.tensor(z / 2**0.5, dtype=torch.float64)) / 2)


@pytest.mark.slow
@pytest.mark.parametrize("count", [8, 20])
def test_under_the_null_a_level_is_a_level(count, generator):
    """Simulated at the edge of the null hypothesis; the normal distribution is the control."""
    samples = torch.randn(DRAWS, count, generator=generator, dtype=torch.float64)
    result = torch.tensor([one_sided_t_test(row) for row in samples])
    control = torch.tensor([normal_p_value(row) for row in samples])
    for level in LEVELS:
        error = (level * (1 - level) / DRAWS) ** 0.5
        assert abs(float((result < level).double().mean()) - level) < 4 * error
        assert float((control < level).double().mean()) - level > 4 * error


def test_equal_values_do_not_divide_by_zero():
    assert one_sided_t_test(torch.full((8,), 0.5)) < 1e-9
    assert one_sided_t_test(torch.full((8,), -0.5)) > 1 - 1e-9


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.5, "radians", "29°"), (0.005, "radians", "0.29°"), (0.5, "turns", "0.5 turns")],
)
def test_angles_are_written_in_degrees(value, unit, text):
    assert quantity(value, unit) == text


@pytest.mark.parametrize(("share", "verdict"), [(1.0, "full"), (0.4, "partial")])
def test_on_a_line_the_extent_is_compared_with_what_was_searched(share, verdict, generator):
    """There is no test of uniformity on a line: as wide as was searched, or narrower."""
    parameter = eqsets.transformation("translation").parameters_of_eta[0]
    steps = steps_of(parameter)
    near = (steps.abs() <= share * parameter.high).float()
    noise = 1 + 0.1 * torch.rand(400, len(steps), generator=generator)
    probabilities = near * noise
    probabilities /= probabilities.sum(1, keepdim=True)
    ones = torch.ones(400)
    evidence = Evidence(parameter, steps, probabilities, ones, ones, 100.0)
    claim = claims_of([evidence], generator=generator)[0]
    assert claim.p_uniform is None
    assert claim.verdict == verdict


@pytest.mark.parametrize(
    ("turned", "count", "verdict"),
    [(0, 12, "absent"), (2, 12, "unresolved"), (0, 200, "absent"), (60, 200, "partial")],
)
def test_few_images_of_which_some_are_turned_are_not_called_absent(
    turned, count, verdict, generator
):
    """Regression: 12 images with 2 of them upside down were reported as never rotated."""
    parameter = eqsets.transformation("rotation").parameters_of_eta[0]
    steps = steps_of(parameter)
    near = (steps.abs() < 0.05).float() + 1e-4
    away = near.roll(len(steps) // 2)
    rows = torch.stack([away if row < turned else near for row in range(count)])
    probabilities = rows * (1 + 0.1 * torch.rand(rows.shape, generator=generator))
    probabilities /= probabilities.sum(1, keepdim=True)
    scores = -(near / near.sum())[steps.abs().argmin()].log()
    evidence = Evidence(
        parameter, steps, probabilities, torch.ones(count), scores.expand(count), 100.0
    )
    assert claims_of([evidence], generator=generator)[0].verdict == verdict
