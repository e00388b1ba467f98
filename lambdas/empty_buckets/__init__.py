"""Empties the buckets of an environment that keeps no data, when its stack is deleted."""
