"""Mutation testing: planted faults, against ``eqsets check`` and the unit tests of the file."""
