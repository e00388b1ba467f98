"""``silver.products``: one row per product."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.money import in_eur, with_eur_rate
from sluice.transforms import latest_by_key, source, transform


@transform(
    write="merge", by="product_id", products=source("bronze.products", on="product_id"), rates="silver.exchange_rates"
)
def products(products: DataFrame, rates: DataFrame) -> DataFrame:
    """Return the latest version of each product, weights in kilograms, the price in euros too."""
    latest = latest_by_key(products, ["product_id"], newest="updated_at")
    factor = (
        F.when(F.col("weight_unit") == "g", F.lit("0.001"))
        .when(F.col("weight_unit") == "lb", F.lit("0.45359237"))
        .when(F.col("weight_unit") == "kg", F.lit("1"))
        .cast("decimal(9,8)")
    )
    # DuckDB multiplies decimals of up to 18 digits in 64 bits, and fails when the product does not fit.
    weight = F.col("weight").cast("decimal(20,3)")
    return with_eur_rate(latest, rates, currency="currency", day="valid_from").select(
        "product_id",
        "sku",
        "name",
        "category",
        "brand",
        F.round(weight * factor, 3).cast("decimal(12,3)").alias("weight_kg"),
        "list_price",
        "currency",
        in_eur("list_price").alias("list_price_eur"),
        "valid_from",
        "updated_at",
    )
