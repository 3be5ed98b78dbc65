"""Fixtures that several test folders share."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest


class FakeSite:
    """A folder that looks like ``site-packages``: real metadata, real modules, nothing patched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, **modules: str) -> None:
        """Write importable modules, given as ``name="source"``."""
        for name, source in modules.items():
            (self.folder / f"{name}.py").write_text(dedent(source), encoding="utf-8")

    def install(
        self, distribution: str, entries: Mapping[str, str], version: str = "1.0", **modules: str
    ) -> None:
        """Install a distribution with entry points ``{name: reference}`` and its modules."""
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        lines = ["[eqsets]", *(f"{name} = {value}" for name, value in entries.items())]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        self.write(**modules)

    def entry_points(self) -> list[importlib.metadata.EntryPoint]:
        """Read the entry points back, as the registry reads those of the real site."""
        result = importlib.metadata.distributions(path=[str(self.folder)])
        return sorted(
            (entry for distribution in result for entry in distribution.entry_points),
            key=lambda entry: (entry.dist.name if entry.dist else "", entry.name),
        )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    """An empty fake site on ``sys.path``; what was imported from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield FakeSite(tmp_path)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
