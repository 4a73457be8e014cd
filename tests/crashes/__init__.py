"""Tests in which processes are killed while comments arrive."""
