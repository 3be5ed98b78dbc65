"""The main job on real input: restore bursts of photographs, and compare three set networks."""

from eqsets.demo.muon import Muon
from eqsets.demo.recipe import Recipe
from eqsets.demo.results import Report, Score
from eqsets.demo.run import run_demo

__all__ = ["Muon", "Recipe", "Report", "Score", "run_demo"]
