"""Where the tables are: the Glue catalog, at the endpoint that the environment names."""

from __future__ import annotations

import os
from typing import Any

import boto3
from pyiceberg.catalog import METADATA_LOCATION, Catalog
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.io import FileIO, load_file_io
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.typedef import EMPTY_DICT, Properties

from sluice.once import once

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


class LakeCatalog(GlueCatalog):
    """Glue's tables: one client reaches the files of all of them, and a metadata file is read once.

    Such a file never changes under its name, and a process that stays warm loads the same tables again and again.
    """

    def __init__(self, name: str, **properties: str) -> None:
        super().__init__(name, **properties)
        self._files = load_file_io(self.properties)
        #: By database and table: where its metadata was when last loaded, and what it said.
        self._known: dict[tuple[str, str], tuple[str, TableMetadata]] = {}

    def _load_file_io(self, properties: Properties = EMPTY_DICT, location: str | None = None) -> FileIO:
        return self._files

    def _convert_glue_to_iceberg(self, glue_table: dict[str, Any]) -> Table:
        identifier = (glue_table["DatabaseName"], glue_table["Name"])
        location, metadata = self._known.get(identifier, ("", None))
        if metadata and location == glue_table.get("Parameters", {}).get(METADATA_LOCATION):
            return Table(identifier, metadata, location, self._files, self)
        table = super()._convert_glue_to_iceberg(glue_table)
        self._known[identifier] = (table.metadata_location, table.metadata)
        return table


@once
def glue_catalog() -> Catalog:
    """Return the Glue catalog of this account and region; locally the endpoint differs, nothing else."""
    region = os.environ.get("AWS_REGION") or boto3.Session().region_name
    properties = {"glue.region": region, "s3.region": region, "glue.skip-archive": "true"}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        properties |= {"glue.endpoint": endpoint, "s3.endpoint": endpoint}
    return LakeCatalog("sluice", **properties)
