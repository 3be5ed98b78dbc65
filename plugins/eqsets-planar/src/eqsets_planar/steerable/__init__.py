"""Steerable convolutions: all that is asked of escnn, filters, and the layer."""
