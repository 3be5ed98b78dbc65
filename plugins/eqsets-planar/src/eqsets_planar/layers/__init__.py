"""Layers on fields other than convolutions: norms, nonlinearities, dropout, pooling, read-outs."""
