"""The demo: restore bursts of real photographs with three set networks, and compare them."""

from eqsets.optim import Muon
from eqsets_demo.recipe import Recipe
from eqsets_demo.results import Report, Score
from eqsets_demo.run import run_demo

__all__ = ["Muon", "Recipe", "Report", "Score", "run_demo"]
