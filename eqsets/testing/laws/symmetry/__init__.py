"""Laws of groups, actions, and of equivariance and completeness of layers."""
