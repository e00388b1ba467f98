"""Reads JSON: one object a line (NDJSON), or one array or a sequence of objects (JSON)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from sluice.contracts import LandingContract
from sluice.errors import UnreadableFile
from sluice.ingestion.lines import Oversized, line_blocks, lines_of
from sluice.ingestion.readers.json_records import parse_records
from sluice.ingestion.readers.json_split import Elements
from sluice.ingestion.readers.text import too_long, utf8_chunks
from sluice.ingestion.records import Block, Rejected, rows_at_once
from sluice.ingestion.source import ByteSource

#: Why a record is refused that may not even be JSON.
_NO_JSON = ("malformed_record", "nul_byte", "wrong_encoding")


def read_ndjson(source: ByteSource, contract: LandingContract) -> Iterator[Block]:
    """Yield the file's records, one JSON object a line."""
    first, seen, most = 1, False, rows_at_once(contract)
    for block in line_blocks(source, utf8_chunks(source, contract.arrival)):
        seen = True
        if isinstance(block, Oversized):
            yield Block(first, 0, {}, lambda _: [], rejected=[too_long(block, first)])
            first += 1
            continue
        records = lines_of(block)
        for start in range(0, len(records), most):
            yield from parse_records(records[start : start + most], contract, first + start)
        first += len(records)
    if not seen:
        raise UnreadableFile(f"{source.uri} holds no record.", code="empty_file")


def read_json(source: ByteSource, contract: LandingContract) -> Iterator[Block]:
    """Yield the records of a JSON array, or of objects one after another.

    A file that is not valid JSON throughout is refused as a whole, because it is no longer certain where a record ends.
    """
    first = 1
    for records in Elements(source, utf8_chunks(source, contract.arrival)).batches(rows_at_once(contract)):
        if isinstance(records, Oversized):
            yield Block(first, 0, {}, lambda _: [], rejected=[too_long(records, first)])
            first += 1
            continue
        for block in parse_records(records, contract, first):
            _refuse_broken(block.rejected, source)
            yield block
        first += len(records)


def _refuse_broken(rejected: Sequence[Rejected], source: ByteSource) -> None:
    """Raise ``UnreadableFile`` when one of the file's elements is not JSON at all."""
    for record in rejected:
        code, raw = record.reasons[0].code, record.raw
        if code not in _NO_JSON or raw is None:
            continue
        if code != "malformed_record":  # in a string it costs that record, elsewhere it is no JSON
            raw = raw.decode(errors="replace").replace("\0", "\ufffd").encode()
        try:
            msgspec.json.decode(raw)
        except msgspec.DecodeError as error:
            raise UnreadableFile(
                f"{source.uri} is broken JSON in record {record.position:,}: {error}: {raw[:80]!r}.",
                code="corrupt",
                value=raw[:80].decode(errors="replace"),
                position=record.position,
            ) from error
        except RecursionError:
            continue  # nested deeper than is read, but JSON
