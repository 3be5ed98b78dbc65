"""Affine maps of a line, the plane or space, on signals, clouds and volumes."""
