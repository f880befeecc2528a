"""Benchmarks: CPU as a ratio to a plain loop measured in the same run."""
