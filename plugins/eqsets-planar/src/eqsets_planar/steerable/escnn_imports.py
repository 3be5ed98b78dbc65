"""What escnn imports and planar symmetries do not use: stand-ins while escnn is imported.

escnn takes one function of lie-learn, ``wigner_D_matrix``, for the rotations of space, and pymanopt
for grids on the sphere. lie-learn has wheels for numpy 1 and up to Python 3.12 only; pymanopt
cannot be imported under ``python -OO``. Neither is used for images, so neither is required: where
one cannot be imported, escnn gets a stand-in. What needs the real package then raises an error.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from eqsets import PluginError

__all__ = ["substitutes"]

_LIE_LEARN = "lie_learn.representations.SO3.wigner_d"


@contextlib.contextmanager
def substitutes() -> Iterator[None]:
    """Put stand-ins for lie-learn and pymanopt into ``sys.modules`` where they cannot be imported.

    They are taken out again at the end, so that other code sees the environment as it is.
    """
    added: list[str] = []
    if "escnn" not in sys.modules:
        if not _importable(_LIE_LEARN):
            parts = _LIE_LEARN.split(".")
            for end in range(1, len(parts) + 1):
                added += _add(".".join(parts[:end]), ModuleType(".".join(parts[:end])))
            setattr(sys.modules[_LIE_LEARN], "wigner_D_matrix", _wigner_d_matrix)  # noqa: B010
        if not _importable("pymanopt"):
            added += _add("pymanopt", None)  # its import then raises ImportError: escnn allows it
    try:
        yield
    finally:
        for name in added:
            sys.modules.pop(name, None)


def _importable(name: str) -> bool:
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # numpy 2 prints about modules of numpy 1
            importlib.import_module(name)
    # numpy 2 breaks compiled code of numpy 1 by ValueError or AttributeError; missing docstrings
    # of python -OO break pymanopt by TypeError
    except (ImportError, AttributeError, TypeError, ValueError):
        return False
    return True


def _add(name: str, module: ModuleType | None) -> list[str]:
    for known in [known for known in sys.modules if known.startswith(f"{name}.")]:
        del sys.modules[known]  # what an import that failed has left
    sys.modules[name] = module  # type: ignore[assignment]  # None means: cannot be imported
    return [name]


def _wigner_d_matrix(*args: Any, **kwargs: Any) -> Any:
    raise PluginError(
        "escnn was asked for a Wigner matrix of SO(3), which it takes from lie-learn, and that "
        "could not be imported. Expected planar symmetries only. For rotations of space use "
        "element_group('spatial'); for those of escnn, install lie-learn with numpy 1."
    )
