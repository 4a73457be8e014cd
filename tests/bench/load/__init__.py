"""Measures the service beside what bounds it: `python -m tests.bench.load --help`."""
