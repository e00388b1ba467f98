"""Versions of customers, by the moment of their writing: from the weekly exports, and from captured changes."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from sluice.transforms import latest_by_key

_SAID = ("email", "first_name", "last_name", "city", "country", "segment", "registered_at")
_ROWS = ("insert", "update", "read", "delete")


def exported_versions(exported: DataFrame) -> DataFrame:
    """Return a version for each customer and moment in an export, valid from ``valid_from`` on."""
    # Of rows that were written at the same moment the one counts that counts in silver.customers.
    latest = latest_by_key(exported, ["customer_id", "updated_at"], newest="email")
    return latest.select(
        "customer_id",
        F.col("updated_at").alias("valid_from"),
        F.lit(0).alias("captured"),
        F.lit("").alias("log_number"),
        F.lit(False).alias("ended"),
        *_SAID,
    )


def captured_versions(changes: DataFrame) -> DataFrame:
    """Return a version for each captured change; ``ended`` is true when the customer was deleted.

    Versions follow in the order of the source's log, so none is valid from an earlier moment than the one before it.
    Columns that an update left out keep their value.
    """
    log = changes.withColumn(
        "log_number",
        F.concat_ws(
            "/",
            F.coalesce(F.col("_log_position"), F.lit("")),
            F.lpad(F.col("_sequence"), 64, "0"),
            F.lpad(F.col("_position").cast("string"), 8, "0"),
        ),
    )
    deleted = F.col("_operation") == "delete"
    written = log.where(F.col("_operation").isin(*_ROWS) & F.col("customer_id").isNotNull()).select(
        "customer_id",
        "log_number",
        F.when(deleted, F.col("_changed_at"))
        .otherwise(F.coalesce(F.col("updated_at"), F.col("_changed_at")))
        .alias("written_at"),
        deleted.alias("ended"),
        F.coalesce(F.col("_unavailable"), F.lit("")).alias("left_out"),
        *_SAID,
    )
    told = written.unionByName(_moved(log)).unionByName(_truncated(log, written))
    so_far = Window.partitionBy("customer_id").orderBy(F.col("log_number"), F.col("ended").desc())
    return told.select(
        "customer_id",
        F.coalesce(F.max("written_at").over(so_far), F.lit("1970-01-01 00:00:00").cast("timestamp_ntz")).alias(
            "valid_from"
        ),
        F.lit(1).alias("captured"),
        "log_number",
        "ended",
        *(F.max(_sent(name)).over(so_far).getField("value").alias(name) for name in _SAID),
    )


def _sent(name: str) -> Column:
    """Return the value with its position in the log, null where the change left the column out."""
    left_out = F.array_contains(F.split(F.col("left_out"), ","), name)
    return F.when(~left_out, F.struct("log_number", F.col(name).alias("value")))


def _moved(log: DataFrame) -> DataFrame:
    """Return a deletion under the old number for each customer whose number was changed."""
    moved = log.where(F.col("_previous_key").isNotNull())
    return _ended(moved, F.col("_previous_key"))


def _truncated(log: DataFrame, written: DataFrame) -> DataFrame:
    """Return a deletion of each customer who existed when the source truncated its table."""
    truncates = log.where(F.col("_operation") == "truncate").select("log_number", "_changed_at")
    first = written.groupBy("customer_id").agg(F.min("log_number").alias("first_number"))
    there = truncates.crossJoin(first).where(F.col("log_number") > F.col("first_number"))
    return _ended(there, F.col("customer_id"))


def _ended(rows: DataFrame, customer: Column) -> DataFrame:
    return rows.select(
        customer.alias("customer_id"),
        "log_number",
        F.col("_changed_at").alias("written_at"),
        F.lit(True).alias("ended"),
        F.lit(",".join(_SAID)).alias("left_out"),
        *(F.lit(None).cast("string").alias(name) for name in _SAID if name != "registered_at"),
        F.lit(None).cast("timestamp_ntz").alias("registered_at"),
    )
