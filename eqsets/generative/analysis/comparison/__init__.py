"""How similar moved images are to others: distances, kernels, and the widths of kernels."""
