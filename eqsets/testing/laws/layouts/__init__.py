"""Laws of dense, padded and ragged sets: one function in each of them."""
