"""The quiet room: pure functions that judge text; no clock, database, network or environment."""
