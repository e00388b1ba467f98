"""``silver.latest_lines``: what the refresh benchmark makes; one window over one input."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import latest_by_key, source, transform


@transform(write="merge", recompute_key="order_id", lines=source("bronze.order_lines", on="order_id"))
def latest_lines(lines: DataFrame) -> DataFrame:
    """Return the latest version of each line, with its amount after discount."""
    latest = latest_by_key(lines, ["order_id", "line_number"], newest="updated_at")
    kept = F.lit(100).cast("decimal(5,2)") - F.coalesce(F.col("discount_pct"), F.lit(0).cast("decimal(5,2)"))
    pieces = F.col("quantity").cast("decimal(10,0)")
    cents = F.lit("0.01").cast("decimal(3,2)")
    return latest.select(
        "order_id",
        "line_number",
        "product_id",
        "quantity",
        "unit_price",
        "discount_pct",
        "currency",
        F.round(F.col("unit_price") * kept * pieces * cents, 2).cast("decimal(18,2)").alias("net_amount"),
        "updated_at",
    )
