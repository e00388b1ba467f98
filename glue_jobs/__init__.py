"""The transforms of derived tables, one module per table, and helpers that they share."""
