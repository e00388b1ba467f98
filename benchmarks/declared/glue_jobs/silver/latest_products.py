"""``silver.latest_products``: one row per product."""

from pyspark.sql import DataFrame

from sluice.transforms import latest_by_key, source, transform


@transform(write="merge", recompute_key="product_id", products=source("bronze.products", on="product_id"))
def latest_products(products: DataFrame) -> DataFrame:
    """Return the latest version of each product."""
    return latest_by_key(products, ["product_id"], newest="updated_at").select(
        "product_id", "name", "category", "brand", "list_price", "currency", "updated_at"
    )
