"""``python -m eqsets``: the command line."""

from __future__ import annotations

from eqsets.cli import main

if __name__ == "__main__":
    main()
