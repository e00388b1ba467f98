"""Where the tables are: the Glue catalog, at the endpoint that the environment names."""

from __future__ import annotations

import functools
import os

import boto3
from pyiceberg.catalog import Catalog

#: What every table is created with. Sluice looks again itself after a conflict: PyIceberg's retry would commit twice.
TABLE_PROPERTIES = {
    "format-version": "2",
    "commit.retry.num-retries": "0",
    "write.parquet.compression-codec": "zstd",
    "write.target-file-size-bytes": str(128 << 20),
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
}


@functools.cache
def glue_catalog() -> Catalog:
    """Return the Glue catalog of this account and region; locally the endpoint differs, nothing else."""
    from pyiceberg.catalog.glue import GlueCatalog

    region = os.environ.get("AWS_REGION") or boto3.Session().region_name
    properties = {"glue.region": region, "s3.region": region, "glue.skip-archive": "true"}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        properties |= {"glue.endpoint": endpoint, "s3.endpoint": endpoint}
    return GlueCatalog("sluice", **properties)
