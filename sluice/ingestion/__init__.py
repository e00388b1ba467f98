"""From a delivery to staged Parquet: read, check by column, keep every rejected record with its reasons."""
