"""``gold.dim_customer``: each customer's versions, from the exports and the captured changes."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from glue_jobs.customer_versions import captured_versions, exported_versions
from glue_jobs.places import with_city, with_country
from glue_jobs.spelling import is_email, lower
from glue_jobs.versions import UNKNOWN, keyed, one_row
from sluice.transforms import source, transform

#: What already orders a customer's versions from one moment, or is the same in all of them.
_ORDERED = ("customer_id", "valid_from", "captured", "log_number")


@transform(
    write="scd2",
    recompute_key="customer_id",
    accept={"levenshtein(string, string)": "places.with_city asks only for ASCII texts, where bytes are letters"},
    exported=source("bronze.customers", on="customer_id"),
    # Without `on`, since a truncate ends every customer: changes of this input cause a full refresh.
    changes="bronze.customer_changes",
    countries="silver.countries",
    cities="silver.cities",
)
def dim_customer(exported: DataFrame, changes: DataFrame, countries: DataFrame, cities: DataFrame) -> DataFrame:
    """Return each customer's versions with their time of validity, cleansed as in silver; a deletion ends a version."""
    told = exported_versions(exported).unionByName(captured_versions(changes))
    # Of versions from the same moment the captured one counts, and of those the later in the log.
    first = Window.partitionBy("customer_id", "valid_from").orderBy(
        F.col("captured").desc(), F.col("log_number").desc(), *(name for name in told.columns if name not in _ORDERED)
    )
    single = told.withColumn("place", F.row_number().over(first)).where(F.col("place") == 1).drop("place")
    written = single.withColumn("city", _given("city")).withColumn("country_as_given", _given("country"))
    placed = with_city(with_country(written.drop("country"), countries), cities)
    email_valid = is_email(lower(F.trim(F.col("email"))))
    name = F.nullif(F.trim(F.concat_ws(" ", _given("first_name"), _given("last_name"))), F.lit(""))
    versions = placed.select(
        "customer_id",
        F.coalesce(name, F.lit(UNKNOWN)).alias("name"),
        email_valid.alias("email_valid"),
        F.coalesce(F.col("segment"), F.lit("consumer")).alias("segment"),
        F.coalesce(F.col("country_code"), F.lit(UNKNOWN)).alias("country"),
        F.coalesce(F.col("city_region"), F.lit(UNKNOWN)).alias("region"),
        F.coalesce(F.col("known_city"), F.col("city"), F.lit(UNKNOWN)).alias("city"),
        F.coalesce(F.col("known_city_id"), F.col("country_code"), F.lit(UNKNOWN)).alias("geography_key"),
        F.coalesce(F.col("registered_at"), F.col("valid_from")).cast("date").alias("registered_on"),
        F.col("ended").alias("_deleted"),
        "valid_from",
    )
    texts = ("customer_key", "customer_id", "name", "segment", "country", "region", "city", "geography_key")
    unknown = one_row(exported).select(
        *(F.lit(UNKNOWN).alias(column) for column in texts),
        F.lit(False).alias("email_valid"),
        F.lit(None).cast("date").alias("registered_on"),
        F.lit(False).alias("_deleted"),
        F.lit("1970-01-01 00:00:00").cast("timestamp_ntz").alias("valid_from"),
    )
    return keyed(versions, "customer_id", "customer_key").unionByName(unknown)


def _given(name: str) -> Column:
    return F.nullif(F.trim(F.col(name)), F.lit(""))
