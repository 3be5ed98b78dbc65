"""How a symmetry model is fitted: presets, losses, pairs, the objectives of the two stages."""
