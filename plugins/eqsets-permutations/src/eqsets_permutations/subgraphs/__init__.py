"""Bags of subgraphs: policies, batches by PyG, and the networks on them."""
