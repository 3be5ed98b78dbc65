"""Convolutions on the graphs of a batch of sets: sparse products, and those of PyG."""
