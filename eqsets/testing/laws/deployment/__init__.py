"""Laws of saving, copying, compiling, exporting, and of training by several processes."""
