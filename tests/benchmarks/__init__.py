"""Benchmarks: ratios against plain DuckDB in the same run, printed by commands, never asserted by tests."""
