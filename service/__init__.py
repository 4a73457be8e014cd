"""Trecento takes reader comments of at most 300 characters, judges them, stores why, and counts exactly."""

__version__ = "0.1.0"
