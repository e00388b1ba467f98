"""``silver.products``: one row per product."""

from pyspark.sql import DataFrame

from glue_jobs.money import in_eur, with_eur_rate
from glue_jobs.weights import in_kilograms
from sluice.transforms import latest_by_key, source, transform


@transform(
    write="merge",
    recompute_key="product_id",
    products=source("bronze.products", on="product_id"),
    rates="silver.exchange_rates",
)
def products(products: DataFrame, rates: DataFrame) -> DataFrame:
    """Return the latest version of each product, weights in kilograms, the price in euros too."""
    latest = latest_by_key(products, ["product_id"], newest="updated_at")
    return with_eur_rate(latest, rates, currency="currency", day="valid_from").select(
        "product_id",
        "sku",
        "name",
        "category",
        "brand",
        in_kilograms("weight", "weight_unit").alias("weight_kg"),
        "list_price",
        "currency",
        in_eur("list_price").alias("list_price_eur"),
        "valid_from",
        "updated_at",
    )
