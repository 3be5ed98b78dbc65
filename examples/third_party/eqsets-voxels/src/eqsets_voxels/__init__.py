"""The symmetry ``voxels`` for eqsets."""
