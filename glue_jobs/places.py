"""Resolves countries and cities, as people write them, by the reference tables."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from glue_jobs.spelling import folded, lower, one_letter_off


def with_country(rows: DataFrame, countries: DataFrame) -> DataFrame:
    """Return ``rows`` with ``country_code``, resolved from ``country_as_given``; null when no country has that name.

    A spelling that several countries have is resolved only if it is the code of one of them.
    """
    spellings = _spellings(countries, "country_code", F.col("country_code"), F.col("name"))
    codes = countries.select(F.col("country_code").alias("whose_code"), lower(F.col("country_code")).alias("code"))
    others = spellings.join(codes, F.col("spelling") == F.col("code"), "left").where(
        F.col("whose_code").isNull() | (F.col("whose_code") == F.col("country_code"))
    )
    found = (
        others.groupBy("spelling")
        .agg(F.min("country_code").alias("country_code"), F.max("country_code").alias("another"))
        .where(F.col("country_code") == F.col("another"))
        .select(F.col("spelling").alias("country_spelling"), "country_code")
    )
    spelled = rows.withColumn("country_folded", folded(F.col("country_as_given")))
    return spelled.join(found, F.col("country_folded") == F.col("country_spelling"), "left").drop(
        "country_folded", "country_spelling"
    )


def with_city(rows: DataFrame, cities: DataFrame) -> DataFrame:
    """Return ``rows`` with the reference city of the text in ``city``, within the row's ``country_code``.

    Added are ``known_city_id``, ``known_city``, ``city_region``, ``city_latitude`` and ``city_longitude``; null when
    no city of the country has that name. One wrong letter is accepted; of several cities the largest is taken.
    """
    spelled = rows.withColumn("city_folded", folded(F.col("city")))
    written = (
        spelled.where(F.col("country_code").isNotNull() & F.col("city_folded").isNotNull())
        .select(F.col("country_code").alias("in_country"), F.col("city_folded").alias("written"))
        .distinct()
    )
    known = _spellings(cities, "city_id", F.col("city")).select(F.col("city_id").alias("spelled_id"), "spelling")
    places = cities.select(
        F.col("city_id").alias("known_city_id"),
        F.col("city").alias("known_city"),
        F.col("country_code").alias("city_country"),
        F.col("region").alias("city_region"),
        F.col("latitude").alias("city_latitude"),
        F.col("longitude").alias("city_longitude"),
        "population",
    )
    named = known.join(places, F.col("spelled_id") == F.col("known_city_id"), "inner")
    same = F.col("written") == F.col("spelling")
    candidates = written.join(
        named,
        (F.col("in_country") == F.col("city_country")) & (same | one_letter_off(F.col("written"), F.col("spelling"))),
        "inner",
    ).withColumn("wrong_letters", F.when(same, 0).otherwise(1))
    best = Window.partitionBy("in_country", "written").orderBy(
        "wrong_letters", F.col("population").desc_nulls_last(), F.col("spelled_id"), F.col("spelling")
    )
    found = candidates.withColumn("place", F.row_number().over(best)).where(F.col("place") == 1)
    return spelled.join(
        found.select(
            "in_country", "written", "known_city_id", "known_city", "city_region", "city_latitude", "city_longitude"
        ),
        (F.col("country_code") == F.col("in_country")) & (F.col("city_folded") == F.col("written")),
        "left",
    ).drop("city_folded", "in_country", "written")


def _spellings(table: DataFrame, key: str, *names: Column) -> DataFrame:
    """Return the folded spellings of each row of a reference table, as ``key`` and ``spelling``.

    A spelling that is empty after folding is null, which equals nothing. (SQLFrame would move a filter here to a place
    where DuckDB allows none.)
    """
    all_names = F.concat_ws("|", *names, F.col("also_known_as"))
    written = table.select(key, F.explode(F.split(all_names, "[|]")).alias("name")).distinct()
    return written.select(key, folded(F.col("name")).alias("spelling")).distinct()
