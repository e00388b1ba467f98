from pyspark.sql import DataFrame

from sluice.transforms import latest_by_key, source, transform


@transform(write="merge", recompute_key="product_id", products=source("bronze.products", on="product_id"))
def products(products: DataFrame) -> DataFrame:
    """Return each product in its latest state."""
    latest = latest_by_key(products, ["product_id"], newest="updated_at")
    return latest.select("product_id", "category", "updated_at")
