"""``gold.fact_click``: events of visitors, with the customer's and the product's version at that time."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.versions import UNKNOWN, with_country_key, with_version
from sluice.transforms import source, transform


@transform(
    write="merge",
    recompute_key="event_date",
    clicks=source("silver.clickstream", on="event_date"),
    customers=source("gold.dim_customer", join="clicks", join_on="customer_id"),
    products=source("gold.dim_product", join="clicks", join_on="product_id"),
    countries="silver.countries",
)
def fact_click(clicks: DataFrame, customers: DataFrame, products: DataFrame, countries: DataFrame) -> DataFrame:
    """Return each event; an event of a visitor who was not signed in has the unknown customer."""
    by_whom = with_version(clicks, customers, of="customer_id", key="customer_key", at="event_time")
    of_what = with_version(by_whom, products, of="product_id", key="product_key", at="event_time")
    return with_country_key(of_what, countries, country="country").select(
        "event_id",
        "session_id",
        "visit_id",
        "event_time",
        "event_date",
        F.col("event_date").cast("string").alias("date_key"),
        "customer_key",
        "product_key",
        "geography_key",
        F.coalesce(F.col("campaign_id"), F.lit(UNKNOWN)).alias("campaign_id"),
        "event_type",
        F.coalesce(F.col("device"), F.lit(UNKNOWN)).alias("device"),
        "outcome",
        "quantity",
        "unit_price",
        "currency",
        "late",
    )
