"""Tests of the moderation core; no fixtures."""
