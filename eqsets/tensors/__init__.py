"""Tensors in memory and under transforms; nothing here knows of sets or groups."""
