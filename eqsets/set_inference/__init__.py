"""What needs sets and transformations: inference of one that a set shares; verified advice.

Importing this needs torch alone; fitting needs the extra ``generative`` (Lightning).
"""

from eqsets.set_inference.average import average_element
from eqsets.set_inference.inference import SetInference
from eqsets.set_inference.verification import Verification, verified, verify

__all__ = ["SetInference", "Verification", "average_element", "verified", "verify"]
