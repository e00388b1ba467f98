"""Iceberg tables: made and evolved from contracts, committed to exactly once."""
