"""Parts of discovery: warps, steps of training, inference networks."""
