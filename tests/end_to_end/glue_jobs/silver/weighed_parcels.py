"""``silver.weighed_parcels``: one row per parcel."""

from pyspark.sql import DataFrame

from sluice.transforms import latest_by_key, source, transform


@transform(write="merge", recompute_key="parcel_id", parcels=source("bronze.weighed_parcels", on="parcel_id"))
def weighed_parcels(parcels: DataFrame) -> DataFrame:
    """Return each parcel as it was weighed last."""
    return latest_by_key(parcels, ["parcel_id"], newest="weighed_at").select("parcel_id", "grams", "weighed_at")
