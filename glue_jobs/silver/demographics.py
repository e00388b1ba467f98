"""``silver.demographics``: figures about the inhabitants of each region."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import latest_by_key, transform


@transform(demographics="bronze.demographics", countries="silver.countries")
def demographics(demographics: DataFrame, countries: DataFrame) -> DataFrame:
    """Return the latest figures of each region, and whether its country is known."""
    latest = latest_by_key(demographics, ["country_code", "region"], newest="updated_at")
    known = countries.select(F.col("country_code").alias("known_country_code"))
    joined = latest.join(known, F.col("country_code") == F.col("known_country_code"), "left")
    return joined.select(
        "country_code",
        "region",
        F.col("known_country_code").isNotNull().alias("country_known"),
        "population",
        "median_age",
        "median_income_eur",
        "urban_pct",
        "updated_at",
    )
