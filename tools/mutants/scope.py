"""The checks of a fault: names for ``eqsets check``, and the unit tests of the file."""

from __future__ import annotations

from pathlib import Path

__all__ = ["files", "subjects", "tests"]

_NO_TARGET = ("testing", "cli", "registry", "_", "builtin", "hookspecs", "bursts", "errors", "demo")
_CHECKED = {
    "eqsets/groups/finite.py": ["symmetric", "product", "d4"],
    "eqsets/groups": ["cyclic", "dihedral", "symmetric", "product"],
    "eqsets/generated": ["cyclic", "dihedral", "grid-rotations", "symmetric", "trivial"],
    "eqsets/solve": ["cyclic", "dihedral", "symmetric"],
    "eqsets/products": ["product"],
    "eqsets/nested": ["sets"],
    "eqsets/families": ["affine", "hsv", "affine+hsv"],
    "eqsets/generative": [],
    "eqsets/set_inference": [],
    "eqsets/audit": [],
    "eqsets/equivariance": [],
    "eqsets": ["cyclic", "dihedral"],
    "plugins/eqsets-affine": ["affine", "reflections", "d4", "similarity"],
    "plugins/eqsets-color": ["hsv", "hue"],
    "plugins/eqsets-permutations": ["permutations"],
    "plugins/eqsets-planar": ["planar"],
    "plugins/eqsets-spatial": ["spatial"],
    "plugins/eqsets-translations": ["translations"],
}


def files(root: Path, chosen: list[str]) -> list[str]:
    """Return the files under the chosen folders (or files) in which faults are planted."""
    result: list[str] = []
    for one in chosen:
        base = root / one
        for path in [base] if base.is_file() else sorted(base.rglob("*.py")):
            name = path.relative_to(root).as_posix()
            parts = name.removeprefix("eqsets/").split("/")
            if parts[0].removesuffix(".py").startswith(_NO_TARGET) or "/tests/" in name:
                continue
            if path.name not in ("__init__.py", "plugin.py", "contract.py", "oracle.py"):
                result.append(name)
    return result


def subjects(path: str) -> list[str]:
    """Return the names that ``eqsets check`` is run on for a file, none if it is out of scope."""
    for prefix, names in _CHECKED.items():
        if path == prefix or path.startswith(prefix + "/"):
            return names
    return []


def tests(root: Path, path: str) -> list[str]:
    """Return the unit tests of the file, and then those of its folder."""
    if path.startswith("plugins/"):
        return ["/".join([*path.split("/")[:2], "tests"])]
    inner = Path(path).relative_to("eqsets").with_suffix("")
    for part in (inner, *inner.parents):
        own = root / "tests" / part.parent / f"test_{part.name}.py"
        if part.name and own.exists():
            first = own.relative_to(root).as_posix()
            return [first, own.parent.relative_to(root).as_posix()][
                : 2 if len(part.parts) > 1 else 1
            ]
        if part.name and (root / "tests" / part).is_dir():
            return [f"tests/{part}"]
    return ["tests/test_dss.py", "tests/test_network.py", "tests/nn", "tests/layout"]
