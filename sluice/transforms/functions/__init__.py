"""PySpark's functions and what each becomes on DuckDB, with the verdict whether both engines answer alike."""
