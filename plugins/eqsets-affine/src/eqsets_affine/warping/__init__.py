"""Read images at moved positions: interpolation, its derivatives, in batches."""
