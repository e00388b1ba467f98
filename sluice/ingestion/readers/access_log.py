"""Web-server access logs, common and combined format.

Columns are found by header name: ``host``, ``ident``, ``user``, ``time``, ``method``, ``path``, ``protocol``,
``status``, ``bytes``, ``referrer``, ``user_agent``; ``time`` becomes ISO 8601.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import LandingContract
from sluice.errors import UnreadableFile
from sluice.ingestion.lines import Oversized, line_blocks, lines_of
from sluice.ingestion.readers.text import too_long, undecodable, utf8_chunks
from sluice.ingestion.records import Block, Reason, Rejected, rows_at_once
from sluice.ingestion.source import ByteSource

_LINE = (
    r"^(?P<host>\S+) (?P<ident>\S+) (?P<user>\S+) \[(?P<time>[^\]]+)\] "
    r'"(?:-?|(?P<method>[A-Z][A-Z-]*) (?P<path>(?:[^"\\]|\\.)*?)(?: (?P<protocol>HTTP/[0-9.]+))?)" '
    r"(?P<status>[0-9]{3}) (?P<bytes>[0-9]+|-)"
    r'(?: "(?P<referrer>(?:[^"\\]|\\.)*)" "(?P<user_agent>(?:[^"\\]|\\.)*)")?\s*$'
)
_TIME = r"\A[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}(?::[0-9]{2}){3} [+-][0-9]{4}\z"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def read_access_log(source: ByteSource, contract: LandingContract) -> Iterator[Block]:
    """Yield the log's lines as records."""
    first, seen, most = 1, False, rows_at_once(contract)
    for block in line_blocks(source, utf8_chunks(source, contract.arrival)):
        seen = True
        if isinstance(block, Oversized):
            yield Block(first, 0, {}, lambda _: [], rejected=[too_long(block, first)])
            first += 1
            continue
        raws = lines_of(block)
        for start in range(0, len(raws), most):
            yield _block(raws[start : start + most], contract, first + start)
        first += len(raws)
    if not seen:
        raise UnreadableFile(f"{source.uri} holds no line.", code="empty_file")


def _block(raws: list[bytes], contract: LandingContract, first: int) -> Block:
    unreadable = {index: reason for index, raw in enumerate(raws) if (reason := undecodable(raw))}
    lines = pa.array([None if index in unreadable else raw.decode() for index, raw in enumerate(raws)], pa.string())
    parts = pc.extract_regex(lines, _LINE)
    matched = pc.is_valid(parts)
    kept = pc.indices_nonzero(matched).to_pylist()
    reason = Reason("malformed_record", "the line is neither common nor combined log format")
    rejected = [
        Rejected(first + index, (unreadable.get(index, reason),), raws[index])
        for index in pc.indices_nonzero(pc.invert(matched)).to_pylist()
    ]
    parts = parts.filter(matched)
    columns = {}
    for column in contract.columns:
        if (index := parts.type.get_field_index(column.header)) >= 0:
            values = parts.field(index)
            values = _iso_times(values) if column.header == "time" and column.format is None else values
            dash = pc.or_(pc.equal(values, "-"), pc.equal(values, ""))
            columns[column.name] = pc.if_else(dash, pa.scalar(None, pa.string()), values)
    return Block(
        first,
        len(kept),
        columns,
        lambda rows: [raws[kept[row]] for row in rows],
        pa.array([first + index for index in kept], pa.int64()),
        rejected,
    )


def _iso_times(times: pa.Array) -> pa.Array:
    """Return times like ``10/Oct/2000:13:55:36 -0700`` as ISO 8601; others stay as they are and fail to convert."""
    month = pc.index_in(pc.utf8_slice_codeunits(times, 3, 6), pa.array(_MONTHS))
    number = pc.utf8_lpad(pc.cast(pc.add(month, 1), pa.string()), 2, "0")
    part = pc.utf8_slice_codeunits
    date = pc.binary_join_element_wise(part(times, 7, 11), number, part(times, 0, 2), "-")
    spelled = pc.binary_join_element_wise(date, part(times, 12, 20), "T")
    whole = pc.binary_join_element_wise(spelled, part(times, 21), "")
    return pc.if_else(pc.match_substring_regex(times, _TIME), pc.coalesce(whole, times), times)
