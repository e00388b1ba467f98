"""Says which derived tables are behind."""
