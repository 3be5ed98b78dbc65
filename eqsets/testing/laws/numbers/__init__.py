"""Laws of numbers: values, gradients, precision, training, and what options change."""
