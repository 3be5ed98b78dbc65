"""The demo: restore bursts of real photographs with three set networks, and compare them."""

from eqsets.demo.muon import Muon
from eqsets.demo.recipe import Recipe
from eqsets.demo.results import Report, Score
from eqsets.demo.run import run_demo

__all__ = ["Muon", "Recipe", "Report", "Score", "run_demo"]
