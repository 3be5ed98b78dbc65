"""What measures speed and memory; ``python -m benchmarks`` or ``make bench`` runs it all."""
