"""``gold.campaign_return``: cost and revenue of each campaign, by month."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.days import first_of_month
from glue_jobs.money import in_eur, with_eur_rate
from glue_jobs.sales import euros
from sluice.transforms import transform


@transform(spend="gold.fact_campaign_spend", clicks="gold.fact_click", rates="silver.exchange_rates")
def campaign_return(spend: DataFrame, clicks: DataFrame, rates: DataFrame) -> DataFrame:
    """Return spending, visits and purchases of the visits that a campaign led to, and euros per euro spent.

    Visits without a campaign are the campaign ``unknown``.
    """
    nothing, no_money = F.lit(0).cast("bigint"), F.lit("0").cast("decimal(28,2)")
    spent = (
        spend.withColumn("month", first_of_month("spend_date"))
        .groupBy("month", "campaign_id")
        .agg(
            euros(F.col("cost_eur")).alias("spend_eur"),
            F.sum("impressions").cast("bigint").alias("impressions"),
            F.sum("clicks").cast("bigint").alias("clicks"),
        )
        .select("*", nothing.alias("visits"), nothing.alias("purchases"), no_money.alias("revenue_eur"))
    )
    bought = F.col("event_type") == "purchase"
    # DuckDB multiplies decimals of up to 18 digits in 64 bits, and fails when the product does not fit.
    price = F.col("unit_price").cast("decimal(20,2)") * F.col("quantity").cast("decimal(10,0)")
    priced = clicks.withColumn("amount", F.when(bought, price).cast("decimal(20,2)"))
    brought = (
        with_eur_rate(priced, rates, currency="currency", day="event_date")
        .withColumn("month", first_of_month("event_date"))
        .withColumn("amount_eur", in_eur("amount"))
        .groupBy("month", "campaign_id")
        .agg(
            F.count_distinct("visit_id").cast("bigint").alias("visits"),
            F.sum(F.when(bought, 1).otherwise(0)).cast("bigint").alias("purchases"),
            euros(F.col("amount_eur")).alias("revenue_eur"),
        )
        .select(
            "month", "campaign_id", no_money.alias("spend_eur"), nothing.alias("impressions"),
            nothing.alias("clicks"), "visits", "purchases", "revenue_eur",
        )
    )  # fmt: skip
    counts = ("impressions", "clicks", "visits", "purchases")
    both = (
        spent.unionByName(brought)
        .groupBy("month", "campaign_id")
        .agg(
            *(F.sum(name).cast("bigint").alias(name) for name in counts),
            *(F.round(F.sum(name), 2).cast("decimal(28,2)").alias(name) for name in ("spend_eur", "revenue_eur")),
        )
    )
    return both.select(
        "month",
        "campaign_id",
        "spend_eur",
        *counts,
        "revenue_eur",
        F.when(F.col("spend_eur") > 0, F.col("revenue_eur").cast("double") / F.col("spend_eur").cast("double")).alias(
            "return_on_ad_spend"
        ),
    )
