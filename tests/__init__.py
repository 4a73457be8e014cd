"""Tests: one file per module, same name."""
