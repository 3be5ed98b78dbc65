"""Types, symmetries and networks as plain data: dicts that are JSON, and files."""

from eqsets.description.files import load, save
from eqsets.description.reading import from_dict
from eqsets.description.writing import FORMAT, to_dict

__all__ = ["FORMAT", "from_dict", "load", "save", "to_dict"]
