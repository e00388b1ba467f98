"""Reads uploaded files and stages their records."""
