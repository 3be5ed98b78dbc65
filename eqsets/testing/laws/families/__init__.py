"""Laws of families of transformations."""
