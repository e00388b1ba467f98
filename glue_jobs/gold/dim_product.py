"""``gold.dim_product``: each product's versions, by the days from which they are valid."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.versions import UNKNOWN, keyed, one_row
from glue_jobs.weights import in_kilograms
from sluice.transforms import latest_by_key, source, transform

_ONE_A_DAY = "a product has one row of each day, which stays one moment when it is cast to a time"


@transform(
    write="scd2",
    recompute_key="product_id",
    products=source("bronze.products", on="product_id"),
    accept={"order of row_number": _ONE_A_DAY, "order of lag": _ONE_A_DAY},
)
def dim_product(products: DataFrame) -> DataFrame:
    """Return a version of each product per first day of a price, from the last record for that day."""
    versions = latest_by_key(products, ["product_id", "valid_from"], newest="updated_at").select(
        "product_id",
        F.coalesce(F.col("sku"), F.lit(UNKNOWN)).alias("sku"),
        "name",
        "category",
        F.coalesce(F.col("brand"), F.lit(UNKNOWN)).alias("brand"),
        in_kilograms("weight", "weight_unit").alias("weight_kg"),
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
