"""Sets of graphs and point sets for eqsets: the element group permutes the nodes of an element."""

__version__ = "0.1.0"

__all__ = ["__version__"]
