"""Refreshes derived tables on Spark, in a Glue job, which has only PySpark and the standard library."""
