from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import source, transform


@transform(write="scd2", recompute_key="product_id", products=source("bronze.products", on="product_id"))
def product_history(products: DataFrame) -> DataFrame:
    """Return each product's categories with the time they held; category 'gone' ends the product."""
    return products.select(
        "product_id",
        "category",
        F.col("updated_at").alias("valid_from"),
        (F.col("category") == "gone").alias("_deleted"),
    )
