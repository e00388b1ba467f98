"""``silver.customers``: one row per customer."""

from string import ascii_lowercase, ascii_uppercase

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from sluice.transforms import latest_by_key, transform
from sluice.transforms.changes import current_rows


@transform(exported="bronze.customers", changes="bronze.customer_changes")
def customers(exported: DataFrame, changes: DataFrame) -> DataFrame:
    """Return the latest version of each customer, e-mail in lower case, telephone as digits.

    The weekly export and the captured changes tell of the same customers: what was written last counts, also when
    that is a deletion. Only ASCII letters are lowered: engines differ on the others (İ), and mail addresses do not
    need them.
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
    last = Window.partitionBy("customer_id").orderBy(F.col("written_at").desc_nulls_last(), F.col("captured").desc())
    latest = versions.withColumn("_place", F.row_number().over(last)).where(F.col("_place") == 1)
    return latest.where(~F.col("_deleted")).select(
        "customer_id",
        F.translate(F.trim(F.col("email")), ascii_uppercase, ascii_lowercase).alias("email"),
        F.trim(F.col("first_name")).alias("first_name"),
        F.trim(F.col("last_name")).alias("last_name"),
        F.regexp_replace(F.col("phone"), "[^0-9+]", "").alias("phone"),
        "street",
        "city",
        "postal_code",
        "country",
        "birth_date",
        "segment",
        "registered_at",
        "updated_at",
    )
