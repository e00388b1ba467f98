"""``gold.customer_value``: recency, frequency and value of each customer's orders."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from glue_jobs.days import days_between
from glue_jobs.sales import totals
from glue_jobs.versions import UNKNOWN
from sluice.transforms import transform


@transform(lines="gold.fact_order_line")
def customer_value(lines: DataFrame) -> DataFrame:
    """Return each known customer's recency, frequency and value, scored 1 to 5 among all, and a name for the scores.

    Recency is counted from the newest order of all. Equal customers are scored by their number.
    """
    sales = lines.where(F.col("is_sale"))
    newest = lines.agg(F.max("order_date").alias("newest_order_on"))
    bought = (
        sales.where(F.col("customer_id") != UNKNOWN)
        .groupBy("customer_id")
        .agg(*totals(), F.max("order_date").alias("last_order_on"))
    )
    measured = bought.crossJoin(newest).select(
        "customer_id",
        "last_order_on",
        days_between("last_order_on", "newest_order_on").alias("recency_days"),
        F.col("orders").alias("frequency"),
        F.col("revenue_eur").alias("monetary_eur"),
    )
    scored = measured.select(
        "*",
        _score("last_order_on").alias("recency_score"),
        _score("frequency").alias("frequency_score"),
        _score("monetary_eur").alias("monetary_score"),
    )
    recency, frequency = F.col("recency_score"), F.col("frequency_score")
    return scored.withColumn(
        "segment",
        F.when((recency >= 4) & (frequency >= 4), "champion")
        .when((recency >= 4) & (frequency <= 2), "new")
        .when(recency >= 4, "promising")
        .when((recency <= 2) & (frequency >= 4), "at_risk")
        .when(frequency >= 4, "loyal")
        .when(recency <= 2, "sleeping")
        .otherwise("regular"),
    )


def _score(by: str) -> Column:
    return F.ntile(5).over(Window.orderBy(by, "customer_id")).cast("int")
