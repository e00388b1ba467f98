"""``silver.stock``: the present stock of the warehouses."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import current_rows, transform


@transform(changes="bronze.stock_changes")
def stock(changes: DataFrame) -> DataFrame:
    """Return the present row of each product in each warehouse."""
    return current_rows(changes, ["product_id", "warehouse"]).select(
        "product_id",
        "warehouse",
        "quantity",
        F.coalesce("reserved", F.lit(0)).alias("reserved"),
        (F.col("quantity") - F.coalesce("reserved", F.lit(0))).cast("int").alias("available"),
        "updated_at",
    )
