"""``gold.dim_product``: each product's versions, by the days from which they hold."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.versions import UNKNOWN, keyed, one_row
from sluice.transforms import latest_by_key, source, transform

_KILOGRAMS = {"kg": "1", "g": "0.001", "lb": "0.45359237"}


@transform(write="scd2", by="product_id", products=source("bronze.products", on="product_id"))
def dim_product(products: DataFrame) -> DataFrame:
    """Return what was last said of each product for each first day of a price."""
    factor = F.coalesce(*(F.when(F.col("weight_unit") == unit, F.lit(kg)) for unit, kg in _KILOGRAMS.items()))
    # DuckDB multiplies decimals of up to 18 digits in 64 bits, and fails when the product does not fit.
    weight = F.col("weight").cast("decimal(20,3)") * factor.cast("decimal(9,8)")
    versions = latest_by_key(products, ["product_id", "valid_from"], newest="updated_at").select(
        "product_id",
        F.coalesce(F.col("sku"), F.lit(UNKNOWN)).alias("sku"),
        "name",
        "category",
        F.coalesce(F.col("brand"), F.lit(UNKNOWN)).alias("brand"),
        F.round(weight, 3).cast("decimal(12,3)").alias("weight_kg"),
        "list_price",
        "currency",
        F.col("valid_from").cast("timestamp_ntz").alias("valid_from"),
    )
    unknown = one_row(products).select(
        *(F.lit(UNKNOWN).alias(name) for name in ("product_key", "product_id", "sku", "name", "category", "brand")),
        F.lit(None).cast("decimal(12,3)").alias("weight_kg"),
        F.lit(None).cast("decimal(12,2)").alias("list_price"),
        F.lit(None).cast("string").alias("currency"),
        F.lit("1970-01-01 00:00:00").cast("timestamp_ntz").alias("valid_from"),
    )
    return keyed(versions, "product_id", "product_key").unionByName(unknown)
