"""Glue: the Data Catalog with AWS's optimistic locking, and jobs that run real Spark."""
