"""What needs sets and transformations: inference of a shared one, whether it is, verified advice.

Importing this needs torch alone; fitting needs the extra ``generative`` (Lightning).
"""

from eqsets.set_inference.average import average_element
from eqsets.set_inference.discovery import discover_sets
from eqsets.set_inference.inference import SetInference
from eqsets.set_inference.sharing import Sharing
from eqsets.set_inference.verification import Verification, verified, verify

__all__ = [
    "SetInference",
    "Sharing",
    "Verification",
    "average_element",
    "discover_sets",
    "verified",
    "verify",
]
