"""The columns that Sluice adds to arriving records, and the Arrow schemas of bronze and quarantine tables.

Separate from ``sluice.tables.schema``, so that an ingestor need not load PyIceberg.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from sluice.contracts import Contract, LandingContract
from sluice.contracts.values.convert import arrow_type


class Added(NamedTuple):
    """A column that Sluice adds to a table, with its description in the catalog."""

    name: str
    type: pa.DataType
    description: str


#: Columns for the origin of a record, in every bronze and quarantine table.
ORIGIN = (
    Added("_delivery_id", pa.string(), "Delivery that brought the record: a file's version, or a stream's shard."),
    Added("_source", pa.string(), "S3 address and version of the file, or stream and shard."),
    Added("_position", pa.int64(), "Number of the record in its file, from 1; in a stream, within its Kinesis record."),
    Added("_ingested_at", pa.timestamp("us"), "When the record was read, UTC."),
)
#: Further origin columns in the tables of a stream.
STREAM_ORIGIN = (
    Added("_sequence", pa.string(), "Sequence number of the Kinesis record in its shard."),
    Added("_arrived_at", pa.timestamp("us"), "When Kinesis took the record, UTC."),
)
#: Further columns in the bronze table of a stream.
STREAM_FACTS = (Added("_late", pa.bool_(), "Whether the event came later than the contract's lateness allows."),)
#: Further columns in the bronze table of captured changes.
CHANGE_FACTS = (
    Added("_operation", pa.string(), "insert, update, delete, read (snapshot), truncate, or a control record's kind."),
    Added("_log_position", pa.string(), "Position in the source's log, as text that sorts as the log does."),
    Added("_changed_at", pa.timestamp("us"), "When the source made the change, UTC."),
    Added("_transaction", pa.string(), "The source's transaction."),
    Added(
        "_previous_key", pa.string(), "Key that the change moved the row from: its values in order, parted by U+001F."
    ),
    Added("_unavailable", pa.string(), "Columns that the source left out since they did not change, by commas."),
    Added("_control", pa.string(), "A control record as it came."),
)
#: Separates the values in ``_previous_key``.
KEY_SEPARATOR = "\x1f"
REASON_ARROW = pa.struct(
    [("code", pa.string()), ("column", pa.string()), ("value", pa.string()), ("message", pa.string())]
)
REASONS = (
    Added("reason", pa.string(), "Code of the first reason."),
    Added("reasons", pa.list_(REASON_ARROW), "Every reason."),
    Added("record", pa.binary(), "The record's bytes as delivered."),
    Added("record_pointer", pa.string(), "S3 address of a record too long to keep."),
)


def origin(contract: LandingContract) -> tuple[Added, ...]:
    """Return the columns for the origin of a record of ``contract``."""
    return ORIGIN + (STREAM_ORIGIN if contract.arrival.stream else ())


def added(contract: Contract) -> tuple[Added, ...]:
    """Return the columns that Sluice adds to the contract's own table; a derived table gets none."""
    if not isinstance(contract, LandingContract):
        return ()
    facts = STREAM_FACTS if contract.arrival.stream else ()
    return origin(contract) + facts + (CHANGE_FACTS if contract.arrival.changes else ())


def as_arrow(columns: tuple[Added, ...]) -> pa.Schema:
    """Return added columns as an Arrow schema."""
    return pa.schema([(column.name, column.type) for column in columns])


def data_arrow(contract: Contract) -> pa.Schema:
    """Return the Arrow schema of the contract's own table, without field ids."""
    return pa.schema([*((c.name, arrow_type(c.type)) for c in contract.columns), *as_arrow(added(contract))])


def quarantine_columns(contract: LandingContract) -> tuple[Added, ...]:
    """Return the columns of the contract's quarantine table."""
    own = origin(contract)
    return (*own[: len(ORIGIN)], *REASONS, *own[len(ORIGIN) :])


def quarantine_arrow(contract: LandingContract) -> pa.Schema:
    """Return the Arrow schema of the contract's quarantine table."""
    return as_arrow(quarantine_columns(contract))
