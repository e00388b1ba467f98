"""``gold.revenue_by_category``: revenue of each category, by month."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.days import first_of_month
from glue_jobs.money import with_average
from glue_jobs.sales import totals
from glue_jobs.versions import UNKNOWN
from sluice.transforms import transform


@transform(lines="gold.fact_order_line", products="gold.dim_product")
def revenue_by_category(lines: DataFrame, products: DataFrame) -> DataFrame:
    """Return orders, units and euros by month and by the category that the product had when it was sold."""
    categories = products.select(F.col("product_key").alias("sold_key"), "category")
    sold = (
        lines.where(F.col("is_sale"))
        .join(categories, F.col("product_key") == F.col("sold_key"), "left")
        .withColumn("month", first_of_month("order_date"))
        .withColumn("category", F.coalesce(F.col("category"), F.lit(UNKNOWN)))
    )
    summed = sold.groupBy("month", "category").agg(*totals())
    return with_average(summed, "average_order_eur", total="revenue_eur", count="orders").select(
        "month", "category", "orders", "units", "revenue_eur", "average_order_eur"
    )
