"""The density of transformations, given a prototype."""
