"""Try a law on examples: the search for the smallest one that fails, and processes to run it in."""
