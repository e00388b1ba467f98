"""Clean and conformed: one row per key."""
