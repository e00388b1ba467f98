"""``silver.stock_readings``: readings of the sensors on the warehouses' shelves."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import transform, unique


@transform(
    write="merge",
    recompute_key="measured_at",
    readings=unique("bronze.stock_sensors", newest="quantity", on="measured_at"),
)
def stock_readings(readings: DataFrame) -> DataFrame:
    """Return each reading once; of contradicting records of a reading, the one with the most pieces."""
    return readings.select(
        "sensor_id",
        "measured_at",
        F.to_date("measured_at").alias("measured_on"),
        "warehouse",
        "product_id",
        "quantity",
        "temperature_c",
        "battery_pct",
        F.coalesce(F.col("_late"), F.lit(False)).alias("late"),
    )
