"""Layers on irreps: linear maps, convolutions on clouds, gates, norms, pooling, read-outs."""
