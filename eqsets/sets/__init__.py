"""Ragged batches of sets: :class:`SetBatch`, and how data loaders make them."""

from __future__ import annotations

from eqsets.sets.batch import SetBatch
from eqsets.sets.collate import collate
from eqsets.sets.parts import PartBatch

__all__ = ["PartBatch", "SetBatch", "collate"]
