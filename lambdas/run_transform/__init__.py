"""Runs one derived table's transform on DuckDB."""
