"""What the examples and benchmarks of digits share: data, the published reference, measures."""
