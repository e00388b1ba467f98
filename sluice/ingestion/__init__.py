"""Ingestion: reads deliveries, checks their records by column, and stages good and rejected records as Parquet."""
