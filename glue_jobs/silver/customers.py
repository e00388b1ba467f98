"""``silver.customers``: one row per customer."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from glue_jobs.places import with_city, with_country
from glue_jobs.spelling import is_email, lower
from sluice.transforms import current_rows, latest_by_key, source, transform

_PHONE = r"^\+[1-9][0-9]{7,14}$"
#: Also what systems write when they know no date.
_LONG_AGO = "1900-01-01"


@transform(
    write="merge",
    recompute_key="customer_id",
    accept={"levenshtein(string, string)": "places.with_city asks only for ASCII texts, where bytes are letters"},
    exported=source("bronze.customers", on="customer_id"),
    # Without `on`, since a truncate ends every customer: changes of this input cause a full refresh.
    changes="bronze.customer_changes",
    countries="silver.countries",
    cities="silver.cities",
)
def customers(exported: DataFrame, changes: DataFrame, countries: DataFrame, cities: DataFrame) -> DataFrame:
    """Return the latest version of each customer, cleansed; values that cannot be mended are kept, see ``issues``."""
    mended = (
        _latest(exported, changes)
        .withColumn("email", _given(lower(F.trim(F.col("email")))))
        .withColumn("phone", _phone(F.col("phone")))
        .withColumn("city", _given(F.trim(F.col("city"))))
        .withColumn("country_as_given", _given(F.trim(F.col("country"))))
        .withColumn("registered_at", F.coalesce(F.col("registered_at"), F.col("updated_at")))
    )
    placed = with_city(with_country(mended.drop("country"), countries), cities)
    born = F.col("birth_date")
    possible = (born > F.lit(_LONG_AGO).cast("date")) & (born < F.col("registered_at").cast("date"))
    email_valid = is_email(F.col("email"))
    phone_valid = F.coalesce(F.col("phone").rlike(_PHONE), F.lit(False))
    country_known, city_known = F.col("country_code").isNotNull(), F.col("known_city_id").isNotNull()
    issues = (
        (F.col("email").isNull(), "email_missing"),
        (F.col("email").isNotNull() & ~email_valid, "email_invalid"),
        (F.col("phone").isNotNull() & ~phone_valid, "phone_invalid"),
        (~country_known, "country_unknown"),
        (F.col("city").isNull(), "city_missing"),
        (F.col("city").isNotNull() & ~city_known, "city_unknown"),
        (born.isNotNull() & ~possible, "birth_date_impossible"),
    )
    return placed.select(
        "customer_id",
        "email",
        email_valid.alias("email_valid"),
        _given(F.trim(F.col("first_name"))).alias("first_name"),
        F.coalesce(_given(F.trim(F.col("last_name"))), F.lit("unknown")).alias("last_name"),
        "phone",
        phone_valid.alias("phone_valid"),
        "street",
        F.coalesce(F.col("known_city"), F.col("city"), F.lit("unknown")).alias("city"),
        F.col("known_city_id").alias("city_id"),
        city_known.alias("city_known"),
        F.coalesce(F.col("city_region"), F.lit("unknown")).alias("region"),
        F.col("city_latitude").alias("latitude"),
        F.col("city_longitude").alias("longitude"),
        "postal_code",
        F.coalesce(F.col("country_code"), F.lit("ZZ")).alias("country"),
        country_known.alias("country_known"),
        "country_as_given",
        F.when(possible, born).alias("birth_date"),
        F.coalesce(F.col("segment"), F.lit("consumer")).alias("segment"),
        "registered_at",
        F.concat_ws(",", *(F.when(found, code) for found, code in issues)).alias("issues"),
        "updated_at",
    )


def _latest(exported: DataFrame, changes: DataFrame) -> DataFrame:
    """Return the latest version of each customer that was not deleted.

    The weekly export and the captured changes are about the same customers: the last one written counts, even if it
    is a deletion.
    """
    from_export = latest_by_key(exported, ["customer_id"], newest="updated_at")
    from_changes = current_rows(changes, ["customer_id"], deleted=True)
    own = from_export.columns
    versions = from_changes.select(
        *own,
        "_deleted",
        F.when(F.col("_deleted"), F.col("_changed_at")).otherwise(F.col("updated_at")).alias("written_at"),
        F.lit(1).alias("captured"),
    ).unionByName(
        from_export.select(
            *own, F.lit(False).alias("_deleted"), F.col("updated_at").alias("written_at"), F.lit(0).alias("captured")
        )
    )
    # Of versions written at the same time the captured one counts: the export may have been made before.
    last = Window.partitionBy("customer_id").orderBy(
        F.col("written_at").desc_nulls_last(), F.col("captured").desc(), "_deleted", *own
    )
    latest = versions.withColumn("_place", F.row_number().over(last)).where(F.col("_place") == 1)
    return latest.where(~F.col("_deleted")).select(*own)


def _given(text: Column) -> Column:
    return F.nullif(text, F.lit(""))


def _phone(text: Column) -> Column:
    """Return a telephone number's digits, with a plus where it was written with the country's code (+49, 0049)."""
    # (0) is dialled within the country only.
    compact = F.regexp_replace(F.regexp_replace(text, r"\(0\)", ""), "[^0-9+]", "")
    international = F.regexp_replace(F.regexp_replace(compact, r"^(\+|00)", ""), r"\+", "")
    national = F.regexp_replace(compact, r"\+", "")
    digits = F.when(compact.rlike(r"^(\+|00)"), F.concat(F.lit("+"), international)).otherwise(national)
    return F.when(digits.rlike("[0-9]"), digits)
