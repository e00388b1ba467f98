"""JSON: one object a line (NDJSON), or one array or a sequence of objects (JSON)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sluice.contracts import Contract
from sluice.errors import UnreadableFile
from sluice.ingestion.lines import BLOCK_SIZE, MAX_RECORD, Oversized, line_blocks, lines_of
from sluice.ingestion.readers.json_records import parse_records
from sluice.ingestion.readers.text import too_long, utf8_chunks
from sluice.ingestion.records import Block
from sluice.ingestion.source import Source

_SPACE = " \t\r\n"


def read_ndjson(source: Source, contract: Contract) -> Iterator[Block]:
    """Yield the file's records, one JSON object a line."""
    assert contract.arrival is not None
    first, seen = 1, False
    for block in line_blocks(source, utf8_chunks(source, contract.arrival)):
        seen = True
        if isinstance(block, Oversized):
            yield Block(first, 0, {}, lambda _: [], rejected=[too_long(block, first)])
            first += 1
            continue
        records = lines_of(block)
        yield from parse_records(records, contract, first)
        first += len(records)
    if not seen:
        raise UnreadableFile(f"{source.uri} holds no record.", code="empty_file")


def read_json(source: Source, contract: Contract) -> Iterator[Block]:
    """Yield the records of a JSON array, or of objects one after another."""
    assert contract.arrival is not None
    first = 1
    for records in _objects(source, utf8_chunks(source, contract.arrival)):
        yield from parse_records(records, contract, first)
        first += len(records)


def _objects(source: Source, chunks: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Cut an array, or objects one after another, into single records without holding the whole file."""
    decoder = json.JSONDecoder()
    text, records, size, began = "", [], 0, False
    pieces = (piece.decode(errors="replace") for piece in _whole_characters(chunks))
    exhausted = False
    while True:
        text = text.lstrip(_SPACE + (",[" if not began else ","))
        began = began or bool(text)
        if text.startswith("]"):
            text = text[1:].lstrip(_SPACE)
        try:
            _, end = decoder.raw_decode(text)
            complete = exhausted or end < len(text)
        except json.JSONDecodeError:
            complete = False
        if complete:
            raw = text[:end].encode()
            records.append(raw)
            size += len(raw)
            text = text[end:]
            if size >= BLOCK_SIZE:
                yield records
                records, size = [], 0
            continue
        more = next(pieces, None)
        if more is None and not exhausted:
            exhausted = True
            continue
        if more is None:
            break
        text += more
        if len(text) > MAX_RECORD + BLOCK_SIZE:
            raise UnreadableFile(f"{source.uri} holds a JSON value of more than 8 MiB.", code="record_too_long")
    if text.strip(_SPACE):
        raise UnreadableFile(f"{source.uri} is broken JSON after record {len(records)}: {text[:80]!r}.", code="corrupt")
    if records:
        yield records


def _whole_characters(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the bytes so that no UTF-8 character is cut."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        cut = len(data)
        while cut and cut > len(data) - 4 and data[cut - 1] & 0xC0 == 0x80:
            cut -= 1
        if cut and data[cut - 1] >= 0xC0:
            cut -= 1
        else:
            cut = len(data)
        rest = data[cut:]
        yield data[:cut]
    if rest:
        yield rest
