"""Optimisers that short trainings of set networks gain from."""

from eqsets.optim.muon import Muon, orthogonal

__all__ = ["Muon", "orthogonal"]
