"""The refresh on Spark: the same runs as ``sluice.refresh`` makes on DuckDB, so that either may make the next one.

Shipped to the Glue job: nothing but PySpark and the standard library is imported here.
"""
