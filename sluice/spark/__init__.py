"""Refreshes on Spark, with the same results and records as ``sluice.refresh``: either engine can make the next run.

This package is shipped to the Glue job, so it imports only PySpark and the standard library.
"""
