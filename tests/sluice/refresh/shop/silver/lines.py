from pyspark.sql import DataFrame

from sluice.transforms import latest_by_key, source, transform


@transform(write="merge", recompute_key=("order_id", "line"), lines=source("bronze.lines", on=("order_id", "line")))
def lines(lines: DataFrame) -> DataFrame:
    """Return each line in its latest state."""
    latest = latest_by_key(lines, ["order_id", "line"], newest="updated_at")
    return latest.select("order_id", "line", "product_id", "amount", "updated_at")
