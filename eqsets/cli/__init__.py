"""The command line: ``eqsets plugins``, ``check``, ``demo``, ``discover`` ....

Nothing imports this package but the console script; it needs the extra ``eqsets[cli]``.
"""

from __future__ import annotations

from eqsets.cli._entry import main

__all__ = ["main"]
