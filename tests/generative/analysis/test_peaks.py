"""Laws of discrete poses on a circle, with controls; simulated objects, no images."""

from __future__ import annotations

from math import pi

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.discovery.levels import evidence_of, multiples_of, p_values, uniform, within
from eqsets.families import Parameter
from eqsets.generative.analysis.claims import claims_of
from eqsets.generative.analysis.peaks import peaks_of, rank_of_moves
from eqsets.generative.analysis.subgroup import ORDERS, choose_order, orders_of

FEW = settings(max_examples=8, deadline=None)
SEEDS = st.integers(0, 2**31)


def claim_of(poses, seed, count=50, **options):
    generator = torch.Generator().manual_seed(seed)
    evidence = evidence_of(poses, count, generator, **options)
    return claims_of([evidence], generator=generator)[0]


@FEW
@given(SEEDS, st.sampled_from(ORDERS))
def test_multiples_of_a_part_of_a_turn_are_found(seed, order):
    claim = claim_of(multiples_of(order), seed)
    assert claim.verdict == "discrete"
    assert claim.discrete.order == order
    assert claim.sentence.startswith(f"rotation: multiples of {360 / order:.0f}° (C{order})")
    assert claim.discrete.fraction > 0.7


@FEW
@given(SEEDS, st.floats(0.2, 2.6))
def test_a_range_is_never_discrete(seed, extent):
    """The control of the law above: the same tests, on poses that are not discrete."""
    assert claim_of(within(extent), seed).verdict in ("partial", "full", "unresolved")


@FEW
@given(SEEDS)
def test_any_angle_is_not_discrete(seed):
    generator = torch.Generator().manual_seed(seed)
    tests = [p_values(evidence_of(uniform, 20, generator), generator) for _ in range(4)]
    assert sorted(one["discrete"] for one in tests)[1] > 0.01  # each: 1 %; two of four: 0.06 %


@FEW
@given(SEEDS, st.floats(-pi, pi))
def test_where_prototypes_lie_is_a_convention(seed, offset):
    """A turn of all poses by the same angle changes no number."""
    results = []
    for extra in (0.0, offset):
        generator = torch.Generator().manual_seed(seed)
        draw = multiples_of(4, jitter=0.2)
        evidence = evidence_of(lambda n, g, e=extra, d=draw: d(n, g) + e, 30, generator, noise=0.0)
        assert evidence.subgroup is not None
        results.append(peaks_of(evidence.subgroup, evidence.zero, generator))
    first, second = results
    assert first.order == second.order
    assert first.loss == pytest.approx(second.loss, abs=1e-3)
    assert first.profile == pytest.approx(second.profile, abs=1e-2)


@FEW
@given(SEEDS, st.sampled_from((2, 3, 4)))
def test_symmetric_objects_are_no_symmetric_data(seed, symmetry):
    """Objects that are invariant, all in one pose; the control: objects that are not."""
    fixed = claim_of(within(0.0), seed, symmetry=symmetry)
    assert fixed.verdict != "discrete"
    assert fixed.discrete is not None
    assert fixed.discrete.symmetric_objects
    turned = claim_of(multiples_of(symmetry), seed)
    assert turned.verdict == "discrete"
    assert not turned.discrete.symmetric_objects


@FEW
@given(SEEDS)
def test_symmetric_objects_in_discrete_poses(seed):
    """Squares turned by multiples of 45 degrees: known up to quarter turns, and of order 8."""
    claim = claim_of(multiples_of(8), seed, symmetry=4)
    assert claim.verdict == "discrete"
    assert claim.discrete.order == 8


@FEW
@given(SEEDS)
def test_unequal_half_turns(seed):
    claim = claim_of(multiples_of(2, first=0.8), seed, count=200)
    assert claim.verdict == "discrete"
    assert claim.discrete.order == 2
    assert not claim.discrete.equal
    assert 0.7 < claim.discrete.frequent < 0.9
    assert "(C2), about" in claim.sentence


def test_jitter_inside_of_the_peaks_is_measured():
    widths = [
        claim_of(multiples_of(4, jitter=jitter), 0, 100).discrete.within
        for jitter in (0.0, 0.2, 0.4)
    ]
    assert widths[0] < widths[1] < widths[2]
    assert 0.2 < widths[1] < 0.45


def test_the_rank_of_a_random_move_is_uniform(generator):
    """The level of a rank test is exact; the control prefers no move."""
    values = torch.randn(400, 12, 30, generator=generator)
    p = torch.tensor([rank_of_moves(one, 30, generator) for one in values])
    for level in (0.05, 0.2):
        error = (level * (1 - level) / len(p)) ** 0.5
        assert abs(float((p <= level).float().mean()) - level) < 4 * error
    values[:, :, 0] += 1.0
    control = torch.tensor([rank_of_moves(one, 30, generator) for one in values[:50]])
    assert float((control <= 0.05).float().mean()) > 0.5


@pytest.mark.parametrize(
    ("gains", "order"),
    [
        ({1: 0.0}, 1),
        ({1: -0.1, 2: -0.2, 3: -0.3}, 1),
        ({1: 0.55, 2: 0.75, 4: 0.24}, 2),
        ({1: 2.0, 2: 2.0, 4: 2.0, 8: 1.3}, 4),  # as good with every order: the largest
        ({1: 2.19, 2: 2.0, 4: 1.3}, 2),  # 80 : 20
        ({1: 2.69, 2: 2.0, 4: 1.3}, 1),  # nothing is lost by no subgroup
    ],
)
def test_the_choice_among_orders(gains, order):
    assert choose_order(gains) == order


def test_which_orders_are_tried():
    assert orders_of(Parameter("shift", "frames", -1.0, 1.0)) == ()
    assert orders_of(Parameter("hue", "turns", -0.5, 0.5, 1.0)) == ORDERS
    assert orders_of(Parameter.discrete("turns", "90 degrees", 4)) == (2,)
    assert orders_of(Parameter.discrete("mirror", "reflections", 2)) == ()
