"""Every first-party plugin: public names at the top of the package, at no cost; ``python -OO``."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # each test starts processes of its own

NAMES = {
    "affine": ["AffineFamily", "C4", "D4"],
    "color": ["ColorFamily", "ColorGroup"],
    "permutations": ["DSSGNN", "Edges", "NodeDeleted", "OnBags", "Permutations", "bag"],
    "planar": ["FrozenConv", "Planar", "PlanarFields", "SteerableConv", "freeze"],
    "spatial": ["IrrepsFeatures", "PointConvolution", "Spatial"],
    "translations": ["Convolution", "GridFeatures", "GridPool", "Translations"],
}
HEAVY = ("e3nn", "escnn", "hypothesis", "scipy", "torch_geometric")

FORWARD = {
    "affine": "f = eqsets.transformation('affine'); "
    "f.act(f.group.sample(2), torch.randn(2, 1, 8, 8))",
    "color": "f = eqsets.transformation('hsv'); f.act(f.group.sample(2), torch.randn(2, 3, 8, 8))",
    "permutations": "edges = torch.tensor([[0, 1], [1, 2]]); x = torch.randn(1, 2, 3, 2); "
    "eqsets.DSS('permutations', 2, 2, conv='gcn')(x, structure=edges); "
    "eqsets.DSS('permutations', 2, 2, conv='gat')(x, structure=edges)",
    "planar": "eqsets.DSS('planar', 1, '2 regular')(torch.randn(1, 2, 1, 5, 5))",
    "spatial": "eqsets.DSS('spatial', 'points: 2', 'points: 2x1o', radius=1.0)"
    "(torch.randn(1, 2, 4, 2), structure=torch.randn(4, 3))",
    "translations": "eqsets.DSS('translations', 1, 2)(torch.randn(1, 2, 1, 5, 5))",
}


@pytest.mark.parametrize("plugin", NAMES)
def test_public_names_are_at_the_top(plugin: str) -> None:
    package = importlib.import_module(f"eqsets_{plugin}")
    assert set(NAMES[plugin]) <= set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        value = getattr(package, name)
        assert name == "__version__" or value.__module__.startswith(package.__name__), name
    with pytest.raises(AttributeError, match="no_such_name"):
        package.no_such_name  # noqa: B018


@pytest.mark.parametrize("plugin", NAMES)
def test_importing_the_package_imports_nothing_heavy(plugin: str) -> None:
    script = f"""if True:
        import sys, eqsets_{plugin} as package
        print([name for name in {HEAVY} if name in sys.modules])
    """
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"


@pytest.mark.parametrize("plugin", FORWARD)
def test_a_forward_pass_without_docstrings_and_assertions(plugin: str) -> None:
    script = f"import eqsets, torch, {f'eqsets_{plugin}'}; {FORWARD[plugin]}; print('done')"
    ran = subprocess.run(
        [sys.executable, "-OO", "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.stdout.strip() == "done", ran.stderr
