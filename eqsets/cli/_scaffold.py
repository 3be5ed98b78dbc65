"""What ``eqsets new-plugin`` writes: the names that it makes of one, and the files.

Requirements that shaped this module:

- templates are files that read like what comes out of them, with four names to fill in;
- everything is checked before anything is written, and nothing is ever written over;
- the files need no network, and no package but eqsets.
"""

from __future__ import annotations

import builtins
import importlib.metadata
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from types import MappingProxyType

from eqsets.errors import OptionError
from eqsets.registry import PluginRecord
from eqsets.registry._first_party import distribution_of, is_first_party

__all__ = ["RESERVED", "Names", "check_free", "files", "write"]

_FILES: Mapping[str, str] = MappingProxyType(
    {
        ".github/workflows/test.yml": "test.yml",
        ".gitignore": "gitignore",
        "CHANGELOG.md": "CHANGELOG.md",
        "README.md": "README.md",
        "pyproject.toml": "pyproject.toml",
        "src/{{package}}/__init__.py": "init.py",
        "src/{{package}}/contract.py": "contract.py",
        "src/{{package}}/plugin.py": "plugin.py",
        "src/{{package}}/py.typed": "",
        "src/{{package}}/symmetry.py": "symmetry.py",
        "tests/test_laws.py": "test_laws.py",
    }
)
_PROJECT_NAME = re.compile(r"[a-z0-9]|[a-z0-9][a-z0-9._-]*[a-z0-9]", re.IGNORECASE)

_LONGEST = 32  # so that no line of the code gets too long

RESERVED = frozenset(
    {
        *("annotations", "beads", "check", "eqsets", "flip", "forward", "hold", "in_type"),
        *("keeps_neighbors", "law", "moves", "nn", "out_type", "parametrize_with_checks"),
        *("report", "self", "spec", "step", "subject", "swap", "symmetry"),
        *("torch", "turn", "x"),
    }
)
"""Names that the generated code uses for something else."""


@dataclass(frozen=True)
class Names:
    """What a new plugin is called.

    Attributes:
        name: what users write, ``eqsets.element_group("my-knots")``.
        distribution: what they install, ``eqsets-my-knots``.
        package: what it imports as, ``eqsets_my_knots``.
        function: what makes the symmetry, ``my_knots``.
    """

    name: str
    distribution: str
    package: str
    function: str

    @classmethod
    def of(cls, text: str) -> Names:
        """Derive all names from one, written as package indexes allow it (PEP 503).

        Raises:
            OptionError: no distribution or no Python function can have this name.

        Example:
            >>> Names.of("My_Knots").distribution
            'eqsets-my-knots'
        """
        name = re.sub(r"^(eqsets-)+", "", re.sub(r"[-_.]+", "-", text).lower())
        function = name.replace("-", "_")
        possible = _PROJECT_NAME.fullmatch(text) and len(name) <= _LONGEST
        if not possible or not function.isidentifier() or iskeyword(function):
            raise OptionError(
                f"a plugin cannot have the name {text!r}, expected letters, digits and single "
                f"dashes, {_LONGEST} characters at most, that begin with a letter and are no "
                "keyword of Python. Write for example my-knots."
            )
        pytest_collects = function.startswith("test")
        if function in RESERVED or hasattr(builtins, function) or pytest_collects:
            raise OptionError(
                f"a plugin cannot have the name {text!r}, expected one that neither Python nor the "
                f"code of the plugin uses for something else. Write for example my-{name}."
            )
        return cls(name, f"eqsets-{name}", f"eqsets_{function}", function)


def check_free(names: Names, records: Iterable[PluginRecord]) -> None:
    """Check that nothing that is installed, and nothing of eqsets, has one of the names.

    Raises:
        OptionError: something has.
    """
    owner = None
    for record in records:
        if record.kind == "element group" and record.name == names.name:
            owner = f"the element group {names.name!r} of {record.owner}"
    if owner is None and is_first_party(names.distribution):
        owner = f"the distribution {names.distribution!r} of eqsets"
    if owner is None and distribution_of("element group", names.name):
        owner = f"the element group {names.name!r} of eqsets"
    if owner is None and _installed(names.distribution):
        owner = f"the installed distribution {names.distribution!r}"
    if owner is None and find_spec(names.package) is not None:
        owner = f"the module {names.package!r} that Python finds"
    if owner is not None:
        raise OptionError(
            f"the name {names.name!r} is taken by {owner}, expected a new one. Choose another "
            f"name, or uninstall what has it."
        )


def files(names: Names) -> dict[str, str]:
    """Return the text of every file, by its path in the new folder."""
    templates = resources.files("eqsets.cli") / "templates"
    return {
        _filled(path, names): _filled((templates / f"{source}.in").read_text("utf-8"), names)
        if source
        else ""
        for path, source in _FILES.items()
    }


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files into a new folder.

    Raises:
        OptionError: the folder exists, or cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        for path, text in texts.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    except FileExistsError as error:
        raise OptionError(
            f"{error.filename!r} exists, expected a name that is free. Nothing was changed. "
            "Choose another folder with --directory, or move it away."
        ) from error
    except OSError as error:
        raise OptionError(
            f"cannot write {str(folder)!r}: {error.strerror}. Expected a writable folder. "
            "Choose another one with --directory."
        ) from error


def _filled(template: str, names: Names) -> str:
    """Put the names where ``{{name}}``, ``{{package}}`` ... stand."""
    for field, value in asdict(names).items():
        template = template.replace(f"{{{{{field}}}}}", value)
    return template


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
