"""Shared code of the examples and benchmarks of digits: data, published network, measures."""
