"""Data of the experiments: generated, or read from files that packages ship."""
