"""``gold.dim_geography``: countries, their regions and cities, with inhabitants."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.versions import UNKNOWN, one_row
from sluice.transforms import transform


@transform(countries="silver.countries", cities="silver.cities", demographics="silver.demographics")
def dim_geography(countries: DataFrame, cities: DataFrame, demographics: DataFrame) -> DataFrame:
    """Return a row for each country, region and city; a country's inhabitants are its regions'."""
    no_money, no_degrees = F.lit(None).cast("decimal(12,2)"), F.lit(None).cast("double")
    inhabitants = demographics.groupBy(F.col("country_code").alias("counted_country")).agg(
        F.sum("population").cast("bigint").alias("population")
    )
    of_country = countries.join(inhabitants, F.col("country_code") == F.col("counted_country"), "left").select(
        F.col("country_code").alias("geography_key"), F.lit("country").alias("level"), "country_code",
        F.lit(UNKNOWN).alias("region"), F.lit(UNKNOWN).alias("city"), "population",
        no_money.alias("median_income_eur"), no_degrees.alias("latitude"), no_degrees.alias("longitude"),
    )  # fmt: skip
    figures = demographics.select(
        F.col("country_code").alias("figures_country"),
        F.col("region").alias("figures_region"),
        F.col("population").alias("region_population"),
        "median_income_eur",
    )
    in_region = (F.col("country_code") == F.col("figures_country")) & (F.col("region") == F.col("figures_region"))
    regions = demographics.select("country_code", "region").unionByName(
        cities.where(F.col("region") != UNKNOWN).select("country_code", "region")
    )
    of_region = regions.distinct().join(figures, in_region, "left").select(
        F.concat_ws("/", "country_code", "region").alias("geography_key"), F.lit("region").alias("level"),
        "country_code", "region", F.lit(UNKNOWN).alias("city"), F.col("region_population").alias("population"),
        "median_income_eur", no_degrees.alias("latitude"), no_degrees.alias("longitude"),
    )  # fmt: skip
    of_city = cities.join(figures, in_region, "left").select(
        F.col("city_id").alias("geography_key"), F.lit("city").alias("level"), "country_code", "region", "city",
        "population", "median_income_eur", "latitude", "longitude",
    )  # fmt: skip
    unknown = one_row(countries).select(
        *(F.lit(UNKNOWN).alias(name) for name in ("geography_key", "level", "country_code", "region", "city")),
        F.lit(None).cast("bigint").alias("population"), no_money.alias("median_income_eur"),
        no_degrees.alias("latitude"), no_degrees.alias("longitude"),
    )  # fmt: skip
    places = of_country.unionByName(of_region).unionByName(of_city).unionByName(unknown)
    names = countries.select(
        F.col("country_code").alias("named_country"),
        F.col("name").alias("country_name"),
        F.col("region").alias("continent_name"),
        F.col("subregion").alias("subregion_name"),
    )
    return places.join(names, F.col("country_code") == F.col("named_country"), "left").select(
        "geography_key",
        "level",
        "country_code",
        F.coalesce(F.col("country_name"), F.lit(UNKNOWN)).alias("country"),
        F.coalesce(F.col("continent_name"), F.lit(UNKNOWN)).alias("continent"),
        F.coalesce(F.col("subregion_name"), F.lit(UNKNOWN)).alias("subregion"),
        "region",
        "city",
        "population",
        "median_income_eur",
        "latitude",
        "longitude",
    )
