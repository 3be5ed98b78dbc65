"""Discover a transformation that a whole set shares: inference by a DSS network.

Importing this needs torch alone; fitting needs the extra ``generative`` (Lightning).
"""

from eqsets.set_inference.average import average_element
from eqsets.set_inference.inference import SetInference

__all__ = ["SetInference", "average_element"]
