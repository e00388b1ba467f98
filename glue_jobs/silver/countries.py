"""``silver.countries``: one row per country."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import latest_by_key, transform


@transform(countries="bronze.countries")
def countries(countries: DataFrame) -> DataFrame:
    """Return the latest version of each country."""
    latest = latest_by_key(countries, ["country_code"], newest="updated_at")
    return latest.select(
        "country_code",
        F.trim(F.col("name")).alias("name"),
        F.trim(F.col("region")).alias("region"),
        F.coalesce(F.trim(F.col("subregion")), F.lit("unknown")).alias("subregion"),
        "currency",
        F.coalesce(F.col("also_known_as"), F.lit("")).alias("also_known_as"),
        "updated_at",
    )
