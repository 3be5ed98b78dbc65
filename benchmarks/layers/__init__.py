"""Set layers and networks: time and memory, relative to a lower bound."""
