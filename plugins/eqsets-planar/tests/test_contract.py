"""The laws, on exact and on interpolated symmetries; compiled networks; the price of the set."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from eqsets import DSS, PluginError, SetNetwork, element_group, equivariance_error, nn
from eqsets.testing import LAWS, parametrize_with_checks
from eqsets.testing import check as hold
from eqsets_planar import Planar
from eqsets_planar.contract import subject_of
from eqsets_planar.steerable import escnn_interface

MIXED = "2 trivial + 2 irrep(1)"


@pytest.mark.slow
@parametrize_with_checks(["planar"], profile="quick")
def test_laws_of_quarter_turns(check) -> None:
    check()


@pytest.mark.slow
@pytest.mark.parametrize("law", [law.id for law in LAWS if law.slow and law.id.startswith("EQD")])
def test_slow_law(law: str) -> None:
    report = hold("planar", only=[law])
    assert report.ok, report.failures


@pytest.mark.slow
@parametrize_with_checks(
    [
        subject_of("C8", Planar(8), 1, "2 regular", padding_mode="replicate"),
        subject_of("SO(2)", Planar(None), "1 trivial", MIXED, padding_mode="replicate"),
        subject_of(
            "O(2)",
            Planar(None, True),
            "1 trivial",
            "2 trivial + 2 irrep(1,1)",
            padding_mode="replicate",
        ),
    ],
    profile="quick",
)
def test_laws_of_other_angles(check) -> None:
    check()


def model(symmetry: Planar) -> nn.SetSequential:
    """Return a network with one of everything."""
    hidden = "2 regular + 2 irrep(1)" if symmetry.rotations else "4 irreps(1)"
    first = DSS(symmetry, 3, hidden, kernel_size=3, padding_mode="replicate")
    second = DSS(symmetry, hidden, hidden, kernel_size=3, aggregation="mean")
    return nn.SetSequential(
        first,
        nn.norm(symmetry, hidden, "batch"),
        nn.nonlinearity(symmetry, hidden),
        nn.pool(symmetry, hidden),
        second,
        nn.norm(symmetry, hidden),
        nn.nonlinearity(symmetry, hidden, "norm"),
        nn.dropout(symmetry, hidden, 0.1),
        pooled := nn.pool(symmetry, hidden, kind="group"),
        nn.Readout(symmetry, pooled.out_type, 4),
    )


@pytest.mark.parametrize("symmetry", [Planar(4, True), Planar(8), Planar(None)], ids=str)
def test_network_is_invariant(symmetry: Planar) -> None:
    torch.manual_seed(0)
    net = model(symmetry).double()
    report = equivariance_error(net, net.in_type, net.out_type, samples=2, batch=1, size=2)
    assert report.max < (1e-13 if symmetry.points.exact else 0.05)


@pytest.mark.slow
def test_network_compiles_whole_for_several_set_sizes() -> None:
    net = model(Planar(4, True)).eval()
    torch._dynamo.reset()
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    for n, side in ((2, 9), (3, 11), (5, 13)):  # the second makes both sizes symbols
        x = torch.randn(2, n, 3, side, side)
        y, plain = compiled(x), net(x)
        torch.testing.assert_close(y, plain, rtol=1e-4, atol=1e-5)
    y.sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    torch._dynamo.reset()


def test_autocast_runs_and_filters_are_summed_in_float32() -> None:
    net = model(Planar(4))
    x = torch.randn(2, 3, 3, 9, 9)
    with torch.autocast("cpu", torch.bfloat16):
        y = net(x)
        assert net.layers[0].siamese.expand().dtype == torch.float32
    y.float().sum().backward()
    assert torch.isfinite(y).all()


def test_independent_alignment_moves_each_image_by_itself() -> None:
    layer = DSS("planar", 3, "2 regular", alignment="independent").double()
    report = equivariance_error(layer, layer.in_type, layer.out_type, samples=3)
    assert report.max < 1e-14


@pytest.mark.parametrize("aggregation", ["aittala", "max", "sridhar"])
def test_other_aggregations(aggregation: str) -> None:
    layer = DSS(Planar(4, True), 2, "2 trivial + 4 regular", aggregation=aggregation).double()
    assert equivariance_error(layer, layer.in_type, layer.out_type, samples=2).max < 1e-14


def test_filters_are_expanded_once_a_step_for_each_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    layer = DSS("planar", 3, "2 regular")
    for name in ("siamese", "aggregate"):
        branch = getattr(layer, name)
        monkeypatch.setattr(
            branch, "expand", lambda f=branch.expand, n=name: calls.append(n) or f()
        )
    x = torch.randn(4, 7, 3, 9, 9)
    layer(x)
    assert sorted(calls) == ["aggregate", "siamese"], "not once for each of the 28 images"


def test_names_types_and_networks_go_through_text() -> None:
    symmetry = element_group("planar", rotations=8, reflections=True)
    assert eval(repr(symmetry), {"element_group": element_group}) == symmetry
    assert SetNetwork(symmetry, [3, "2 regular", "2 regular"], kernel_size=3).out_type.size == 32


def test_escnn_is_imported_when_the_first_layer_is_made() -> None:
    script = """if True:
        import sys
        from eqsets import element_group
        planar = element_group("planar", rotations=8)
        planar.feature_type("3 regular").sample()
        assert "escnn" not in sys.modules
        planar.linear(planar.feature_type(1), planar.feature_type(1))
        assert "escnn" in sys.modules
    """
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_missing_escnn_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "escnn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "escnn", None)
    with pytest.raises(PluginError, match=r"pip install --no-deps escnn==1\.0\.11"):
        escnn_interface.load()


def test_plugin_says_what_it_needs() -> None:
    script = """if True:
        import importlib.util, eqsets
        find = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *a: None if name == "escnn" else find(name, *a)
        try:
            eqsets.element_group("planar")
        except eqsets.PluginError as error:
            print(error)
    """
    message = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert "needs 'escnn'" in message
    assert "pip install --no-deps escnn==1.0.11" in message


def test_trained_module_loads_where_escnn_is_absent(tmp_path: Path) -> None:
    layer = DSS(Planar(8), 1, "2 regular").eval()
    x = torch.ones(1, 2, 1, 5, 5)
    with torch.no_grad():
        torch.save((layer, x, layer(x)), tmp_path / "layer.pt")
    script = """if True:
        import sys
        sys.modules["escnn"] = None
        import torch
        layer, x, y = torch.load(sys.argv[1], weights_only=False)
        assert torch.equal(layer.double().float()(x), y)
    """
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "layer.pt")], check=True)


@pytest.mark.parametrize("broken", [set(), {"lie_learn", "pymanopt", "autograd"}])
def test_lie_learn_and_pymanopt_are_not_needed(broken: set[str]) -> None:
    script = f"""if True:
        import sys, torch, eqsets

        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {broken!r}:
                    raise ModuleNotFoundError(name)

        sys.meta_path.insert(0, Missing())
        planar = eqsets.element_group("planar", rotations=8, reflections=True)
        print(tuple(eqsets.DSS(planar, 1, "1 regular")(torch.randn(1, 2, 1, 5, 5)).shape))
        print(sorted(name for name in ("lie_learn", "pymanopt") if name in sys.modules))
        import escnn.group
        space = escnn.group.so3_group(1)
        try:
            print(space.irrep(1)(space.identity).shape)
        except eqsets.PluginError as error:
            print(error)
    """
    shape, modules, wigner = subprocess.check_output(
        [sys.executable, "-W", "ignore", "-c", script], text=True
    ).splitlines()
    assert shape == "(1, 2, 16, 5, 5)"
    if broken:
        assert modules == "[]", "no stand-in stays"
        assert "element_group('spatial')" in wigner


def test_scikit_learn_installed_with_escnn_does_no_harm() -> None:
    escnn_interface.load()
    numerical = importlib.import_module("escnn.group._numerical")
    before = numerical.randomized_svd
    with (
        escnn_interface._guard()
    ):  # not from escnn's disk cache, as what a first layer needs may be
        basis = numerical.find_intertwiner_basis_sylvester([np.eye(2)], [np.eye(2)])
    assert basis.shape == (4, 4)
    assert numerical.randomized_svd is before
