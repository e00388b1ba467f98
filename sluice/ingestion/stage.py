"""Staging: accepted and rejected records as Parquet under names that no other attempt uses, then one manifest.

A unit (one function call's share of one dataset) exists once its manifest does. Only the committer makes rows visible.
Small files' rows are staged together and rewritten by the committer into one data file; a large file's rows are
written where the table keeps its data, and the committer adopts them as they are.
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

from sluice.contracts import Contract
from sluice.decoding import json_decoder
from sluice.errors import FileTooLarge
from sluice.ingestion.check import Checked
from sluice.ingestion.lines import MAX_INLINE_RECORD
from sluice.ingestion.records import Reason, Rejected, rejected_table
from sluice.storage import Store
from sluice.tables.arrow import ORIGIN, data_arrow, quarantine_arrow

#: Rows are gathered to row groups of at least this many.
_ROW_GROUP_ROWS = 100_000
#: … or of this many bytes in memory: a function of 512 MiB reads files of any size.
_ROW_GROUP_BYTES = 24 << 20
#: A column's values are written as a dictionary when each comes this often or more.
_REPEATS = 8
#: A data file that is adopted ends when it has this size.
_DATA_FILE_BYTES = 256 << 20
#: A staged file that is to be rewritten ends when it has this size: the committer holds several in memory.
STAGED_FILE_BYTES = 32 << 20
#: What one delivery may stage to be rewritten; a commit of more takes longer than a committer has.
_MOST_STAGED_BYTES = 320 << 20
_IN_MEMORY_BYTES = 8 << 20


class StagedDelivery(msgspec.Struct, frozen=True, omit_defaults=True):
    """One delivery in a unit. ``readable`` is false for a file that was quarantined whole."""

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
    """What one attempt staged for one dataset. ``adopted`` files already lie where the table keeps its data.

    ``records`` and ``bytes`` (of Parquet) are what a committer has to go through.
    """

    dataset: str
    attempt: str
    deliveries: tuple[StagedDelivery, ...] = ()
    rows: tuple[str, ...] = ()
    quarantine: tuple[str, ...] = ()
    adopted: bool = False
    records: int = 0
    bytes: int = 0


#: Makes a unit of its manifest.
decode_unit = json_decoder(StagedUnit)


def staging_prefix(lake: str, dataset: str) -> str:
    """Return where the dataset's units are staged."""
    return f"{lake}/staging/{dataset}/"


class _ParquetFiles:
    """Writes rows to Parquet objects: held on disk, put when complete."""

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
        """Add rows; they are written in row groups of a sensible size."""
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
        """Write what is left; return the addresses of all objects."""
        self._flush()
        self._put()
        return tuple(self.written)


class UnitWriter:
    """Gathers deliveries of one dataset into one staged unit.

    ``data_folder`` and ``data_schema`` (with Iceberg field ids) are given for a large file whose data files are
    to be adopted.
    """

    def __init__(
        self,
        contract: Contract,
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
        # A name of its own there, too: what another attempt or another file put must stay.
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
        """Return the writer of one delivery's records; ``done`` or ``unreadable`` ends it."""
        return DeliveryWriter(self, StagedDelivery(delivery_id, uri, version_id, size))

    @property
    def staged_bytes(self) -> int:
        """Return how many bytes of Parquet are put that the committer has to rewrite."""
        return self._rejected.put_bytes + (0 if self.adopted else self._accepted.put_bytes)

    @property
    def has_deliveries(self) -> bool:
        """Tell whether any delivery has ended."""
        return bool(self._deliveries)

    def finish(self) -> StagedUnit:
        """Put the files, then the manifest that makes the unit exist; return it."""
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
        """Put a rejected record that is too long for the table as an object; return its address."""
        self._pointers += 1
        address = f"{self.lake}/records/{self.contract.name}/{delivery_id}/{self.attempt}-{self._pointers}"
        self.store.put(address, raw)
        return address


class DeliveryWriter:
    """Takes one delivery's checked blocks."""

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
                f"{self.staged.uri} holds more than one commit brings into a partitioned or unusually dense table.",
                safe="nothing of it was committed.",
                next_step="split the file and upload the parts.",
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
        """End a delivery that could be read to its end."""
        self._end(readable=True)

    def unreadable(self, reason: Reason) -> None:
        """End a delivery that could not be read: its rows, if any were staged, will not be committed."""
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
    """Replace records that are too long for the table by pointers to what ``keep`` made of them."""
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
    """Return ``text`` for each of ``rows``, held once."""
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), rows), pa.array([text]))


def _with_dictionaries(schema: pa.Schema) -> pa.Schema:
    """Return ``schema`` with the columns that ``_repeated`` fills as dictionaries; in Parquet both are the same."""
    names = ("_delivery_id", "_source")
    return pa.schema(
        field.with_type(pa.dictionary(pa.int32(), field.type)) if field.name in names else field for field in schema
    )


def _repeating(rows: pa.Table) -> list[str] | bool:
    """Return the columns whose values repeat enough for a dictionary to make them smaller and quicker to write."""
    if any(pa.types.is_nested(field.type) for field in rows.schema):
        return True
    return [
        name
        for name, column in zip(rows.column_names, rows.columns, strict=True)
        if pa.types.is_dictionary(column.type) or pc.count_distinct(column).as_py() * _REPEATS < len(column)
    ]
