"""Ragged batches of sets: :class:`SetBatch`."""

from __future__ import annotations

from eqsets.sets.batch import SetBatch

__all__ = ["SetBatch"]
