"""Invariants of matrix groups: all pairs of channels, counted by the solver on their sum."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from eqsets import DSS, GeneratedSymmetry, nn
from eqsets.groups import FiniteGroup, Group, MatrixGroup, OrthogonalGroup
from eqsets.solve import readout
from eqsets.solve.readout import InvariantReadout

D = torch.float64


def lorentz() -> MatrixGroup:
    algebra = torch.zeros(6, 4, 4, dtype=D)
    for number, (i, j) in enumerate(((1, 2), (1, 3), (2, 3))):
        algebra[number, i, j], algebra[number, j, i] = -1, 1
    for axis in (1, 2, 3):
        algebra[2 + axis, 0, axis] = algebra[2 + axis, axis, 0] = 1
    return MatrixGroup(algebra)


def areas() -> MatrixGroup:
    """SL(2): leaves no length invariant, but the area of two vectors."""
    return MatrixGroup([[[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]])


GROUPS: dict[str, tuple[Group, int, int]] = {  # invariants of one and of three channels
    "O(3)": (OrthogonalGroup(3), 1, 6),
    "SO(3)": (OrthogonalGroup(3, special=True), 1, 6),
    "Lorentz": (lorentz(), 1, 6),
    "SO(2)": (OrthogonalGroup(2, special=True), 1, 9),  # inner products and areas
    "SL(2)": (areas(), 0, 3),
    "SO(22)": (OrthogonalGroup(22, special=True), 1, 6),
    "quarter turns": (FiniteGroup([[[0.0, -1.0], [1.0, 0.0]]]), 1, 9),
}


def quadratic_forms(symmetry: GeneratedSymmetry, channels: int) -> int:
    """Count the symmetric forms of ``channels`` copies that all generators leave invariant."""
    action = symmetry.action(symmetry.feature_type(1))
    size = action.size * channels

    def copies(matrix: Tensor) -> Tensor:
        repeated: Tensor = torch.block_diag(*[matrix] * channels)
        return repeated

    rows, columns = torch.triu_indices(size, size)
    forms = torch.zeros(len(rows), size, size, dtype=D)
    forms[torch.arange(len(rows)), rows, columns] = 1
    forms = (forms + forms.mT) / 2
    gaps = [copies(g).mT @ forms @ copies(g) - forms for g in action.dense()]
    gaps += [
        copies(a).mT @ forms + forms @ copies(a)
        for a in (() if action.algebra is None else action.algebra)
    ]
    return len(rows) - int(torch.linalg.matrix_rank(torch.cat([g.flatten(1) for g in gaps], 1)))


@pytest.mark.parametrize("name", GROUPS)
def test_all_quadratic_invariants_are_read(name: str) -> None:
    group, alone, together = GROUPS[name]
    symmetry = GeneratedSymmetry(group=group)
    if name != "SO(22)":
        assert quadratic_forms(symmetry, 1) == alone
        assert quadratic_forms(symmetry, 3) == together
    kind = symmetry.feature_type(3)
    read = symmetry.invariant(kind).double()
    x = kind.sample(40, generator=torch.Generator().manual_seed(0), dtype=D)
    u = read(x)

    assert read.features == u.shape[1] == together
    assert int(torch.linalg.matrix_rank(u)) == together  # none is a combination of others
    g = group.sample(1, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(read(kind.transform(g, x)), u, rtol=1e-9, atol=1e-9)


def test_linear_invariants_of_a_group_that_changes_lengths() -> None:
    """A shear leaves e1 where it is, but it is the second coordinate that it does not change."""
    symmetry = GeneratedSymmetry(lie_algebra=[[[0.0, 1.0], [0.0, 0.0]]])
    kind = symmetry.feature_type(2)
    read = symmetry.invariant(kind).double()
    generator = torch.Generator().manual_seed(0)
    x, g = kind.sample(9, generator=generator, dtype=D), symmetry.group.sample(generator=generator)
    assert torch.allclose(read(kind.transform(g, x)), read(x))
    assert torch.allclose(read(x)[:, :2].abs(), x[:, 1].abs())


def test_rotations_have_lengths_first_and_then_inner_products() -> None:
    symmetry = GeneratedSymmetry(group=OrthogonalGroup(3))
    kind = symmetry.feature_type(3)
    x = kind.sample(5, generator=torch.Generator().manual_seed(0), dtype=D)
    gram = x.mT @ x
    expected = torch.stack(
        [gram[:, i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))], 1
    )
    u = symmetry.invariant(kind).double()(x)
    assert torch.allclose(u / u[:1, :1], expected / expected[:1, :1], rtol=1e-12)


def test_gates_read_each_channel_by_itself() -> None:
    symmetry = GeneratedSymmetry(group=OrthogonalGroup(3))
    gate = symmetry.nonlinearity(symmetry.feature_type(8))
    assert isinstance(gate.invariant, InvariantReadout)
    assert gate.invariant.features == 8


def test_weights_from_before_pairs_were_read_give_the_same_numbers() -> None:
    symmetry = GeneratedSymmetry(lie_algebra=[[[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    x = torch.randn(2, 4, 3, 2, generator=torch.Generator().manual_seed(0))
    for module, key in (
        (DSS(symmetry, 2, 3, alignment="independent"), "context.aggregate.linear.weight"),
        (nn.Readout(symmetry, 2, 5), "linear.weight"),
    ):
        state = module.state_dict()
        before = 6  # of two channels: the height, and two lengths of each
        with torch.no_grad():
            state[key][:, before:] = 0
        expected = module(x).detach()
        state[key] = state[key][:, :before].clone()
        module.load_state_dict(state)
        assert torch.equal(module(x), expected)


def test_signs_do_not_depend_on_the_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    symmetry = GeneratedSymmetry(matrices=[[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
    x = torch.randn(4, 3, 2, dtype=D, generator=torch.Generator().manual_seed(0))
    read = symmetry.invariant(symmetry.feature_type(2)).double()
    real = {name: getattr(readout, name) for name in ("invariant_functionals", "invariant_forms")}
    for name, solve in real.items():
        monkeypatch.setattr(readout, name, lambda *a, _solve=solve, **o: -_solve(*a, **o))
    flipped = GeneratedSymmetry(matrices=[symmetry.group.generators()[0].tolist()])
    other = flipped.invariant(flipped.feature_type(2)).double()
    torch.testing.assert_close(other(x), read(x))
    # the same state on a machine whose solver returns other signs
    other.load_state_dict(read.state_dict())
    torch.testing.assert_close(other(x), read(x))
    # a state from before signs were chosen has those of the solver
    before = {key: value for key, value in read.state_dict().items() if "signs" not in key}
    read.load_state_dict(before)
    other.load_state_dict(before)
    linear = 2  # one invariant functional, of two channels
    torch.testing.assert_close(other(x)[:, :linear], -read(x)[:, :linear])
    torch.testing.assert_close(other(x)[:, linear:], -read(x)[:, linear:])
    assert "signs" in " ".join(read.state_dict())
