"""One layer, three layouts: dense, padded and ragged sets as rows, with the same operations."""

from __future__ import annotations

from eqsets.layout.as_rows import as_rows
from eqsets.layout.dense import Dense, Padded
from eqsets.layout.layout import Layout
from eqsets.layout.parts import Members, PaddedParts, Parts
from eqsets.layout.ragged import Ragged

__all__ = ["Dense", "Layout", "Members", "Padded", "PaddedParts", "Parts", "Ragged", "as_rows"]
