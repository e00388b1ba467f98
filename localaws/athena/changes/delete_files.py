"""Position-delete files: which rows of which data file are gone.

https://iceberg.apache.org/spec/#position-delete-files
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Final

import numpy as np
import pyarrow as pa
from pyiceberg.io.fileformat import FileFormatFactory
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask, Table, TableProperties
from pyiceberg.types import LongType, NestedField, StringType

_SCHEMA: Final = Schema(
    NestedField(2147483546, "file_path", StringType(), required=True),
    NestedField(2147483545, "pos", LongType(), required=True),
)


def write(table: Table, data_file: DataFile, positions: np.ndarray) -> DataFile:
    """Write a file that deletes rows of one data file, and return it; it has the data file's partition."""
    spec = table.specs()[data_file.spec_id]
    name = f"{uuid.uuid4()}-deletes.parquet"
    if not spec.is_unpartitioned():
        name = f"{spec.partition_to_path(data_file.partition, table.schema())}/{name}"
    location = table.location_provider().new_data_location(name)
    output = table.io.new_output(location)
    # Bounds that are cut off would not say that one data file alone is meant, and its readers would open this for all.
    properties = table.properties | {TableProperties.DEFAULT_WRITE_METRICS_MODE: "full"}
    with FileFormatFactory.get(FileFormat.PARQUET).create_writer(output, _SCHEMA, properties) as writer:
        rows = {"file_path": [data_file.file_path] * len(positions), "pos": positions}
        writer.write(pa.table(rows, schema=schema_to_pyarrow(_SCHEMA)))
    found = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=location,
        file_format=FileFormat.PARQUET,
        partition=data_file.partition,
        file_size_in_bytes=len(output),
        sort_order_id=None,
        spec_id=data_file.spec_id,
        equality_ids=None,
        key_metadata=None,
        **writer.result().to_serialized_dict(),
    )
    found.spec_id = data_file.spec_id
    return found


def orphaned(tasks: Iterable[FileScanTask], removed: Iterable[DataFile]) -> list[DataFile]:
    """Return the delete files that no data file has any more once these are removed."""
    gone = set(removed)
    theirs: set[DataFile] = set()
    others: set[DataFile] = set()
    for task in tasks:
        (theirs if task.file in gone else others).update(task.delete_files)
    return sorted(theirs - others, key=lambda file: str(file.file_path))
