"""Several components at once: reflections up to a rotation, and one parameter instead of three."""
