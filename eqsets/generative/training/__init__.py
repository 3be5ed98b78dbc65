"""How a model is fitted: presets, losses, the stages, the training loop, checkpoints."""
