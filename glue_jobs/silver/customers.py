"""``silver.customers``: one row per customer."""

from string import ascii_lowercase, ascii_uppercase

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import latest_by_key, transform


@transform(customers="bronze.customers")
def customers(customers: DataFrame) -> DataFrame:
    """Return the latest version of each customer, e-mail in lower case, telephone as digits.

    Only ASCII letters are lowered: engines differ on the others (İ), and mail addresses do not need them.
    """
    latest = latest_by_key(customers, ["customer_id"], newest="updated_at")
    return latest.select(
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
