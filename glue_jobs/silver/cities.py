"""``silver.cities``: one row per city."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import latest_by_key, transform


@transform(cities="bronze.cities", countries="silver.countries")
def cities(cities: DataFrame, countries: DataFrame) -> DataFrame:
    """Return the latest version of each city, and whether its country is known."""
    latest = latest_by_key(cities, ["city_id"], newest="updated_at")
    known = countries.select(F.col("country_code").alias("known_country_code"))
    joined = latest.join(known, F.col("country_code") == F.col("known_country_code"), "left")
    return joined.select(
        "city_id",
        F.trim(F.col("city")).alias("city"),
        "country_code",
        F.col("known_country_code").isNotNull().alias("country_known"),
        F.coalesce(F.trim(F.col("region")), F.lit("unknown")).alias("region"),
        "latitude",
        "longitude",
        "population",
        F.coalesce(F.col("also_known_as"), F.lit("")).alias("also_known_as"),
        "updated_at",
    )
