"""Table properties made from a contract: about itself, its stream, and the location of its data files."""

from __future__ import annotations

import msgspec

from sluice.contracts import Contract, LandingContract
from sluice.decoding import json_decoder

#: Property: JSON of the header (the name in records) by column; columns whose header is their name are left out.
HEADERS = "sluice.headers"
#: Property: the column whose value is a record's partition key, if the contract names one.
PARTITION_KEY = "sluice.partition-key"

#: Properties: the contract's version, and the domain that its dataset belongs to.
VERSION, DOMAIN = "sluice.contract-version", "sluice.domain"
#: Property: the team that owns the dataset.
OWNER = "sluice.owner"
#: Properties of a bronze table: the files and rows per day that its contract expects.
EXPECTED_FILES, EXPECTED_ROWS = "sluice.expected-files-per-day", "sluice.expected-rows-per-day"

_decode_headers = json_decoder(dict[str, str])


def contract_properties(contract: Contract) -> dict[str, str]:
    """Return the properties that say which contract the table is declared by; an empty value means not set."""
    return {VERSION: contract.version, DOMAIN: contract.domain, OWNER: contract.owner}


def volume_properties(contract: Contract) -> dict[str, str]:
    """Return the properties that say how much of a landing dataset is expected; an empty value means not set."""
    if not isinstance(contract, LandingContract):
        return {}
    told = {
        EXPECTED_FILES: contract.arrival.expected_files_per_day,
        EXPECTED_ROWS: contract.arrival.expected_rows_per_day,
    }
    return {name: "" if value is None else f"{value:.15g}" for name, value in told.items()}


def stream_properties(contract: Contract) -> dict[str, str]:
    """Return the properties of the contract's table that describe its stream; an empty value means not set."""
    if not isinstance(contract, LandingContract) or not contract.arrival.stream:
        return {}
    headers = {column.name: column.header for column in contract.columns if column.header not in ("", column.name)}
    return {
        HEADERS: msgspec.json.encode(headers).decode() if headers else "",
        PARTITION_KEY: contract.arrival.partition_key or "",
    }


def path_properties(contract: Contract) -> dict[str, str]:
    """Return the properties that keep partition values out of file paths, for a table partitioned by text or bytes.

    An S3 key has at most 1,024 bytes, and a partition's value may be longer.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
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
    """Return the header (the name in records) by column, for columns whose header is not their name."""
    return _decode_headers(properties.get(HEADERS) or "{}")
