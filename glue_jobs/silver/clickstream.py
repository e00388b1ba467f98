"""``silver.clickstream``: one row per event."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from glue_jobs.spelling import lower
from sluice.transforms import transform, unique


@transform(
    write="merge",
    recompute_key="session_id",
    clicks=unique("bronze.clickstream", newest="event_time", on="session_id"),
    campaigns="silver.campaigns",
)
def clickstream(clicks: DataFrame, campaigns: DataFrame) -> DataFrame:
    """Return each event once, however often it was sent, with its day, its visit, and the campaign that led to it."""
    events = _with_campaign_code(_with_visits(clicks))
    # A code that several campaigns carry is the newest campaign's.
    newest = Window.partitionBy("utm_code").orderBy(F.col("starts_on").desc_nulls_last(), F.col("campaign_id"))
    codes = (
        campaigns.where(F.col("utm_code").isNotNull())
        .withColumn("place", F.row_number().over(newest))
        .where(F.col("place") == 1)
        .select(F.col("utm_code").alias("known_code"), "campaign_id")
    )
    joined = events.join(codes, F.col("last_utm_code") == F.col("known_code"), "left")
    moment = F.substring(F.col("visit_began").cast("string"), 1, 19)
    return joined.select(
        "event_id",
        "session_id",
        F.concat(F.col("session_id"), F.lit("-"), F.regexp_replace(moment, "[^0-9]", "")).alias("visit_id"),
        "customer_id",
        "event_type",
        "event_time",
        F.to_date("event_time").alias("event_date"),
        "product_id",
        "search_term",
        "quantity",
        "unit_price",
        "currency",
        "outcome",
        "country",
        "device",
        F.col("code").alias("utm_code"),
        "last_utm_code",
        "campaign_id",
        F.coalesce(F.col("_late"), F.lit(False)).alias("late"),
    )


def _with_visits(clicks: DataFrame) -> DataFrame:
    """Add ``visit_began``: a session's events belong to one visit while no gap is longer than 30 minutes."""
    in_time = Window.partitionBy("session_id").orderBy("event_time", "event_id")
    before = F.lag("event_time").over(in_time)
    gap = before.isNull() | (F.col("event_time") > before + F.expr("INTERVAL 30 MINUTES"))
    so_far = in_time.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    began = clicks.withColumn("begins", F.when(gap, F.col("event_time")))
    return began.withColumn("visit_began", F.max("begins").over(so_far))


def _with_campaign_code(events: DataFrame) -> DataFrame:
    """Add ``code``, the event's own campaign code, and ``last_utm_code``, the latest one of its visit so far."""
    coded = events.withColumn("code", F.nullif(lower(F.trim(F.col("utm_code"))), F.lit("")))
    in_visit = Window.partitionBy("session_id", "visit_began").orderBy("event_time", "event_id")
    numbered = coded.withColumn("number", F.row_number().over(in_visit))
    so_far = in_visit.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    since = numbered.withColumn("code_number", F.max(F.when(F.col("code").isNotNull(), F.col("number"))).over(so_far))
    # Since a code was seen there is none but that one.
    return since.withColumn(
        "last_utm_code", F.max("code").over(Window.partitionBy("session_id", "visit_began", "code_number"))
    )
