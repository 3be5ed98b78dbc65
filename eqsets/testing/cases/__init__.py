"""What laws are tried on: the specs of symmetries, and every module that they make."""
