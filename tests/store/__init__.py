"""Tests of what storage keeps and finds."""
