"""The models that are compared, all of one size."""
