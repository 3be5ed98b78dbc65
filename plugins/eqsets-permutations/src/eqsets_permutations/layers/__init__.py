"""Layers on nodes and pairs: linear maps, norms, read-outs, virtual nodes."""
