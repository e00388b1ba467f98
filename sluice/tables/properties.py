"""What a table's properties say beside columns and types: of its stream, and where its files lie."""

from __future__ import annotations

import msgspec

from sluice.contracts import Contract
from sluice.decoding import json_decoder

#: Property: the name that a column has in a record, by column; columns that are called the same there are left out.
HEADERS = "sluice.headers"
#: Property: the column by which records are spread over shards, if the contract names one.
PARTITION_KEY = "sluice.partition-key"

_decode_headers = json_decoder(dict[str, str])


def stream_properties(contract: Contract) -> dict[str, str]:
    """Return the properties that the contract's table is given; an empty one stands for none."""
    if contract.arrival is None or not contract.arrival.stream:
        return {}
    headers = {column.name: column.header for column in contract.columns if column.header not in ("", column.name)}
    return {
        HEADERS: msgspec.json.encode(headers).decode() if headers else "",
        PARTITION_KEY: contract.arrival.partition_key or "",
    }


def path_properties(contract: Contract) -> dict[str, str]:
    """Return where the table's data files lie when partitioned by text: not in folders that are called as the values.

    An S3 key has at most 1,024 bytes, and a value of a partition may have more.
    """
    whole = {"identity", "truncate"}
    kinds = {
        contract.column(field.column).type.name
        for field in contract.partitioning
        if field.transform.split("[")[0] in whole
    }
    if not kinds & {"string", "binary"}:
        return {}
    return {"write.object-storage.enabled": "true", "write.object-storage.partitioned-paths": "false"}


def headers_of(properties: dict[str, str]) -> dict[str, str]:
    """Return the name in a record by column, of those columns that are called otherwise there."""
    return _decode_headers(properties.get(HEADERS) or "{}")
