"""Silver tables: cleansed and conformed, one row per key."""
