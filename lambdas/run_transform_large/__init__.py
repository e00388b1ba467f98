"""Runs transforms that are too large for `run_transform`."""
