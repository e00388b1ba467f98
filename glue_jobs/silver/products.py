"""``silver.products``: one row per product."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import latest_by_key, transform


@transform(products="bronze.products")
def products(products: DataFrame) -> DataFrame:
    """Return the latest version of each product, weights in kilograms."""
    latest = latest_by_key(products, ["product_id"], newest="updated_at")
    factor = (
        F.when(F.col("weight_unit") == "g", F.lit("0.001"))
        .when(F.col("weight_unit") == "lb", F.lit("0.45359237"))
        .when(F.col("weight_unit") == "kg", F.lit("1"))
        .cast("decimal(9,8)")
    )
    return latest.select(
        "product_id",
        "sku",
        "name",
        "category",
        "brand",
        F.round(F.col("weight") * factor, 3).cast("decimal(12,3)").alias("weight_kg"),
        "list_price",
        "currency",
        "valid_from",
        "updated_at",
    )
