"""Rotations and reflections of space for eqsets: steerable vectors and point clouds, on e3nn.

Importing this package loads nothing heavy: e3nn comes with ``eqsets.element_group("spatial")``.
"""
