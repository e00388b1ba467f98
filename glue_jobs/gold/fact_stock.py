"""``gold.fact_stock``: stock of the warehouses at the end of each day, as measured by their sensors."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from glue_jobs.versions import with_version
from sluice.transforms import source, transform


@transform(
    write="merge",
    recompute_key="measured_on",
    readings=source("silver.stock_readings", on="measured_on"),
    products=source("gold.dim_product", join="readings", join_on="product_id"),
)
def fact_stock(readings: DataFrame, products: DataFrame) -> DataFrame:
    """Return the sum of the shelves' last readings, and the least reading, by day, product and warehouse."""
    shelf = ("measured_on", "product_id", "warehouse", "sensor_id")
    last = Window.partitionBy(*shelf).orderBy(F.col("measured_at").desc())
    ranked = readings.withColumn("place", F.row_number().over(last))
    days = ranked.groupBy("measured_on", "product_id", "warehouse").agg(
        F.sum(F.when(F.col("place") == 1, F.col("quantity"))).cast("bigint").alias("quantity"),
        F.min("quantity").cast("int").alias("least_on_a_shelf"),
        F.count_distinct("sensor_id").cast("bigint").alias("shelves"),
        F.count(F.lit(1)).cast("bigint").alias("readings"),
        F.max("measured_at").alias("last_measured_at"),
    )
    return with_version(days, products, of="product_id", key="product_key", at="last_measured_at").select(
        "measured_on",
        "product_id",
        "warehouse",
        F.col("measured_on").cast("string").alias("date_key"),
        "product_key",
        "quantity",
        "least_on_a_shelf",
        "shelves",
        "readings",
        "last_measured_at",
    )
