"""The eleven models of a table: equal in size, right in kind, and with the symmetry they claim."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from eqsets import OptionError, element_group, equivariance_error
from experiments import DESIGNS, Plan, build_model, count_parameters, models_of

PLAN = Plan(
    symmetry=element_group("cyclic", size=6),
    in_features=1,
    element=(6, 1),
    layers=({}, {}),
    outputs=3,
    select=False,
    budget=4000,
    head=12,
)
SELECT = replace(PLAN, outputs=1, select=True)


def test_a_table_has_the_eleven_models():
    assert len(models_of(PLAN)) == 11


@pytest.mark.parametrize("plan", [PLAN, SELECT], ids=["classify", "select"])
@pytest.mark.parametrize("name", DESIGNS)
def test_models_are_equal_in_size(plan, name):
    count = count_parameters(build_model(plan, name))
    assert abs(count - plan.budget) <= 0.05 * plan.budget


@pytest.mark.parametrize("plan", [PLAN, SELECT], ids=["classify", "select"])
@pytest.mark.parametrize("name", DESIGNS)
def test_models_have_the_symmetry_they_claim(plan, name):
    model = build_model(plan, name).double()
    error = equivariance_error(model, model.in_type, model.out_type, samples=2)
    assert error.permutation < 1e-12
    if DESIGNS[name].symmetric:
        assert error.element < 1e-12
    else:  # the control: this one must notice that elements are turned
        assert error.element > 1e-3


@pytest.mark.parametrize("name", DESIGNS)
def test_outputs_are_right_in_kind(name):
    sets = torch.randn(2, 5, 6, 1)
    assert build_model(PLAN, name)(sets).shape == (2, 3)
    assert build_model(SELECT, name)(sets).shape == (2, 5, 1)


@pytest.mark.parametrize("name", DESIGNS)
def test_scores_look_at_the_other_elements(name):
    """Score differences, which decide, change when another element does; all models share."""
    torch.manual_seed(0)
    model = build_model(SELECT, name).double().eval()
    sets = 3 * torch.randn(200, 3, 6, 1, dtype=torch.float64)  # many: what is shared may cancel
    other = sets.clone()
    other[:, 2] = 3 * torch.randn(200, 6, 1, dtype=torch.float64)
    change = (model(sets) - model(other))[:, :, 0]
    assert (change[:, 0] - change[:, 1]).abs().max() > 1e-9


def test_unknown_models_and_small_budgets_are_refused():
    with pytest.raises(OptionError, match="Did you mean 'dss-max'"):
        build_model(PLAN, "dss-maks")
    with pytest.raises(OptionError, match="expected 30 within 5 %"):
        build_model(replace(PLAN, budget=30), "dss-sum")
