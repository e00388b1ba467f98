"""Stages records: writes accepted and rejected ones as Parquet under names that no other attempt uses, then a manifest.

A unit holds what one function call staged for one dataset; it exists once its manifest does. Only the committer makes
rows visible. It rewrites the rows of small files, which are staged together, into one data file. The rows of a large
file are written to the table's data folder, and the committer adopts these files as they are.
"""

from __future__ import annotations

import tempfile
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sluice.contracts import LandingContract
from sluice.decoding import json_decoder
from sluice.errors import FileTooLarge
from sluice.ingestion.check import Checked
from sluice.ingestion.lines import MAX_INLINE_RECORD
from sluice.ingestion.records import Reason, Rejected, rejected_table
from sluice.storage import Store
from sluice.tables.arrow import ORIGIN, data_arrow, quarantine_arrow

#: A row group is written once it has so many rows …
_ROW_GROUP_ROWS = 100_000
#: … or so many bytes in memory, so that a function of 512 MiB can read files of any size.
_ROW_GROUP_BYTES = 24 << 20
#: A column is written with a dictionary when each of its values occurs so often on average.
_REPEATS = 8
#: The size in bytes at which a data file that is adopted is finished.
_DATA_FILE_BYTES = 256 << 20
#: The size in bytes at which a staged file that is rewritten is finished: the committer holds several in memory.
STAGED_FILE_BYTES = 32 << 20
#: Most bytes that one delivery may stage to be rewritten: a commit of more would exceed the committer's time.
_MOST_STAGED_BYTES = 320 << 20
_IN_MEMORY_BYTES = 8 << 20


class StagedDelivery(msgspec.Struct, frozen=True, omit_defaults=True):
    """One delivery in a unit; ``readable`` is False for a file that was quarantined whole."""

    delivery_id: str
    uri: str
    version_id: str
    size: int
    accepted: int = 0
    quarantined: int = 0
    reasons: dict[str, int] = {}
    readable: bool = True
    error: str = ""


class StagedUnit(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one attempt staged for one dataset; ``adopted`` files are already in the table's data folder.

    ``records`` and ``bytes`` (of Parquet) are what the committer has to process.
    """

    dataset: str
    attempt: str
    deliveries: tuple[StagedDelivery, ...] = ()
    rows: tuple[str, ...] = ()
    quarantine: tuple[str, ...] = ()
    adopted: bool = False
    records: int = 0
    bytes: int = 0


#: Decodes a manifest to a unit.
decode_unit = json_decoder(StagedUnit)


def staging_prefix(lake: str, dataset: str) -> str:
    """Return the address under which the dataset's units are staged."""
    return f"{lake}/staging/{dataset}/"


class _ParquetFiles:
    """Writes rows to Parquet files on disk, and uploads each complete file."""

    def __init__(self, store: Store, address: Callable[[int], str], schema: pa.Schema, *, limit: int | None) -> None:
        self.store, self.address, self.limit = store, address, limit
        self.schema = _with_dictionaries(schema)
        self.written: list[str] = []
        self._gathered: list[pa.Table] = []
        self._rows = 0
        self._bytes = 0
        self.put_bytes = 0
        self._file: Any = None
        self._writer: pq.ParquetWriter | None = None

    def add(self, rows: pa.Table) -> None:
        """Add rows; they are written once they fill a row group."""
        if rows.num_rows:
            self._gathered.append(rows)
            self._rows += rows.num_rows
            self._bytes += rows.nbytes
            if self._rows >= _ROW_GROUP_ROWS or self._bytes >= _ROW_GROUP_BYTES:
                self._flush()

    def _flush(self) -> None:
        if not self._gathered:
            return
        rows = pa.concat_tables(self._gathered).unify_dictionaries().cast(self.schema)
        self._gathered, self._rows, self._bytes = [], 0, 0
        if self._writer is None:
            self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - closed in _put
            self._writer = pq.ParquetWriter(
                self._file, self.schema, compression="zstd", store_schema=False, use_dictionary=_repeating(rows)
            )
        self._writer.write_table(rows, row_group_size=rows.num_rows)
        pa.default_memory_pool().release_unused()
        if self.limit is not None and self._file.tell() >= self.limit:
            self._put()

    def _put(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self.put_bytes += self._file.tell()
        self._file.seek(0)
        address = self.address(len(self.written))
        self.store.put(address, self._file)
        self._file.close()
        self.written.append(address)
        self._writer = None

    def finish(self) -> tuple[str, ...]:
        """Write the remaining rows; return the addresses of all uploaded files."""
        self._flush()
        self._put()
        return tuple(self.written)


class UnitWriter:
    """Stages deliveries of one dataset as one unit.

    ``data_folder`` and ``data_schema`` (with Iceberg field ids) are given for a large file, whose data files the table
    adopts.
    """

    def __init__(
        self,
        contract: LandingContract,
        store: Store,
        lake: str,
        *,
        now: datetime,
        data_folder: str | None = None,
        data_schema: pa.Schema | None = None,
    ) -> None:
        self.contract, self.store, self.lake, self.now = contract, store, lake, now
        self.attempt = uuid.uuid4().hex
        self.adopted = data_folder is not None
        staged = f"{staging_prefix(lake, contract.name)}{self.attempt}"
        # Unique names in the data folder, too, so that files of other attempts are never overwritten.
        folder = staged if data_folder is None else f"{data_folder}{self.attempt}"
        self.schema = data_schema or data_arrow(contract)
        limit = _DATA_FILE_BYTES if self.adopted else STAGED_FILE_BYTES
        self._accepted = _ParquetFiles(store, lambda n: f"{folder}-{n}.parquet", self.schema, limit=limit)
        self._rejected = _ParquetFiles(
            store, lambda n: f"{staged}-quarantine-{n}.parquet", quarantine_arrow(contract), limit=STAGED_FILE_BYTES
        )
        self._manifest = f"{staged}.json"
        self._deliveries: list[StagedDelivery] = []
        self._pointers = 0

    def delivery(self, delivery_id: str, uri: str, *, version_id: str, size: int) -> DeliveryWriter:
        """Return a writer for one delivery's records, to be ended by ``done`` or ``unreadable``."""
        return DeliveryWriter(self, StagedDelivery(delivery_id, uri, version_id, size))

    @property
    def staged_bytes(self) -> int:
        """Return the uploaded bytes of Parquet that the committer has to rewrite."""
        return self._rejected.put_bytes + (0 if self.adopted else self._accepted.put_bytes)

    @property
    def has_deliveries(self) -> bool:
        """Return whether any delivery has ended."""
        return bool(self._deliveries)

    def finish(self) -> StagedUnit:
        """Upload the files, then the manifest, with which the unit exists; return the unit."""
        unit = StagedUnit(
            dataset=self.contract.name,
            attempt=self.attempt,
            deliveries=tuple(self._deliveries),
            rows=self._accepted.finish(),
            quarantine=self._rejected.finish(),
            adopted=self.adopted,
            records=sum(delivery.accepted + delivery.quarantined for delivery in self._deliveries),
            bytes=self.staged_bytes,
        )
        self.store.put(self._manifest, msgspec.json.encode(unit))
        return unit

    def keep_large(self, delivery_id: str, raw: bytes) -> str:
        """Store a rejected record that is too long for the table as an object; return its address."""
        self._pointers += 1
        address = f"{self.lake}/records/{self.contract.name}/{delivery_id}/{self.attempt}-{self._pointers}"
        self.store.put(address, raw)
        return address


class DeliveryWriter:
    """Stages the checked blocks of one delivery."""

    def __init__(self, unit: UnitWriter, delivery: StagedDelivery) -> None:
        self.unit, self.staged = unit, delivery
        self.accepted = 0
        self.reasons: Counter[str] = Counter()
        self._began = unit.staged_bytes
        self._source = f"{delivery.uri}?versionId={delivery.version_id}" if delivery.version_id else delivery.uri

    def add(self, checked: Checked) -> None:
        """Add one block's accepted and rejected records."""
        if self.unit.staged_bytes - self._began > _MOST_STAGED_BYTES:
            raise FileTooLarge(
                f"{self.staged.uri} has more rows than one commit can write to a partitioned or unusually dense table.",
                safe="none of its records was committed.",
                dataset=self.unit.contract.name,
                file=self.staged.uri,
            )
        rows = checked.accepted.num_rows
        self.accepted += rows
        origin = self._origin(checked.positions)
        columns = [*checked.accepted.columns, *origin]
        self.unit._accepted.add(
            pa.table(columns, names=[*checked.accepted.column_names, *(column.name for column in ORIGIN)])
        )
        self._reject(checked.rejected)

    def done(self) -> None:
        """End a delivery that was read completely."""
        self._end(readable=True)

    def unreadable(self, reason: Reason) -> None:
        """End a delivery that cannot be read; rows of it that were staged are never committed."""
        self.accepted = 0
        self.reasons = Counter()
        self._reject(rejected_table([Rejected(None, (reason,), pointer=self._source)]))
        self._end(readable=False, error=reason.message)

    def _end(self, *, readable: bool, error: str = "") -> None:
        self.unit._deliveries.append(
            msgspec.structs.replace(
                self.staged,
                accepted=self.accepted,
                quarantined=sum(self.reasons.values()),
                reasons=dict(self.reasons),
                readable=readable,
                error=error,
            )
        )

    def _origin(self, positions: pa.Array) -> list[pa.Array]:
        rows = len(positions)
        return [
            _repeated(self.staged.delivery_id, rows),
            _repeated(self._source, rows),
            positions,
            pa.repeat(pa.scalar(self.unit.now.replace(tzinfo=None), pa.timestamp("us")), rows),
        ]

    def _reject(self, rejected: pa.Table) -> None:
        if not rejected.num_rows:
            return
        for code in pc.value_counts(rejected["reason"]).to_pylist():
            self.reasons[code["values"]] += code["counts"]
        rejected = without_large(rejected, lambda raw: self.unit.keep_large(self.staged.delivery_id, raw))
        rejected = rejected.combine_chunks()
        columns = [*self._origin(rejected["_position"]), *rejected.columns[1:]]
        self.unit._rejected.add(pa.table(columns, names=quarantine_arrow(self.unit.contract).names))


def without_large(rejected: pa.Table, keep: Callable[[bytes], str]) -> pa.Table:
    """Return ``rejected`` with records too long for the table replaced by pointers that ``keep`` returns for them."""
    large = pc.fill_null(pc.greater(pc.binary_length(rejected["record"]), MAX_INLINE_RECORD), False)
    if not pc.any(large).as_py():
        return rejected
    records, pointers = rejected["record"].to_pylist(), rejected["record_pointer"].to_pylist()
    for row in pc.indices_nonzero(large).to_pylist():
        pointers[row] = keep(records[row])
        records[row] = None
    kept = rejected.drop_columns(["record", "record_pointer"])
    return kept.append_column("record", pa.array(records, pa.binary())).append_column(
        "record_pointer", pa.array(pointers, pa.string())
    )


def _repeated(text: str, rows: int) -> pa.DictionaryArray:
    """Return a dictionary array with ``text`` in each of ``rows`` rows, so that it is in memory once."""
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), rows), pa.array([text]))


def _with_dictionaries(schema: pa.Schema) -> pa.Schema:
    """Return ``schema`` with dictionary types for the columns that ``_repeated`` fills; in Parquet they are texts."""
    names = ("_delivery_id", "_source")
    return pa.schema(
        field.with_type(pa.dictionary(pa.int32(), field.type)) if field.name in names else field for field in schema
    )


def _repeating(rows: pa.Table) -> list[str] | bool:
    """Return the columns whose values repeat so often that a dictionary makes them smaller and faster to write."""
    if any(pa.types.is_nested(field.type) for field in rows.schema):
        return True
    return [
        name
        for name, column in zip(rows.column_names, rows.columns, strict=True)
        if pa.types.is_dictionary(column.type) or pc.count_distinct(column).as_py() * _REPEATS < len(column)
    ]
