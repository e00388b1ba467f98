"""Bringing derived tables up to date: what is behind, in what order, and one table's run."""
