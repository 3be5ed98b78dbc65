"""The entry point of the console script, also where the command line's dependencies are missing.

``pip install eqsets`` installs the script but neither click nor rich. Then the script says which
command installs them, and ends with the exit code of a usage error, instead of a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NoReturn

__all__ = ["main"]


def _load() -> Callable[..., Any]:
    """Return the click group, or a function that says what is missing."""
    missing = [module for module in ("click", "rich") if find_spec(module) is None]
    if not missing:
        group: Callable[..., Any] = import_module("eqsets.cli._group").main
        return group

    def explain(*_: object, **__: object) -> NoReturn:
        sys.stderr.write(
            f"eqsets: the command line needs {' and '.join(missing)}, which cannot be imported.\n"
            f'Expected the extra "cli" to be installed. Run: pip install "eqsets[cli]"\n'
        )
        raise SystemExit(2)

    return explain


main = _load()
