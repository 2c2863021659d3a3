"""What the benchmarks time."""
