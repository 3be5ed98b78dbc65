"""The tests behind the claims have the level that they say."""

from __future__ import annotations

import pytest
import torch

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
