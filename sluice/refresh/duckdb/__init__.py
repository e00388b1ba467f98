"""Refreshes derived tables on DuckDB, in a Lambda function."""
