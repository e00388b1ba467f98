"""Reads from a contract how its dataset arrives: its server, the custom property ``arrival``, and what is late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

import msgspec
from open_data_contract_standard.model import OpenDataContractStandard, Server

from sluice.contracts.contract_file import ContractFile, Place
from sluice.contracts.model import FILE_FORMATS, STREAM_FORMATS, Arrival
from sluice.decoding import converter

_FILE_KEYS = {
    "header": "header",
    "encoding": "encoding",
    "compression": "compression",
    "nullValues": "null_values",
    "extraColumns": "extra_columns",
    "nullKeys": "null_keys",
    "repeatedKeys": "repeated_keys",
    "expectedFilesPerDay": "expected_files_per_day",
    "expectedRowsPerDay": "expected_rows_per_day",
}
_STREAM_KEYS = {
    "nullValues": "null_values",
    "nullKeys": "null_keys",
    "repeatedKeys": "repeated_keys",
    "partitionKey": "partition_key",
    "expectedRowsPerDay": "expected_rows_per_day",
}
_NOT_LATE = "lateness is for datasets that arrive by stream"


_to_arrival = converter(Arrival)


def read_arrival(
    file: ContractFile,
    odcs: OpenDataContractStandard,
    custom: Mapping[str, Any],
    sla: Mapping[str | None, Any],
    *,
    name: str,
    columns: list[str],
    derived: bool,
) -> Arrival | None:
    """Return how the dataset ``name`` arrives; none when it is derived, and then nothing may be said of it."""
    if derived:
        _refuse_arrival(file, odcs, custom, sla)
        return None
    server = _server(file, odcs, name)
    stream = server.type == "kinesis"
    formats, keys = (STREAM_FORMATS, _STREAM_KEYS) if stream else (FILE_FORMATS, _FILE_KEYS)
    values: dict[str, Any] = {
        "format": file.one_of(server.format, formats, ("servers", 0, "format")),
        "stream": stream,
        "delimiter": server.delimiter or ",",
    }
    index = next((i for i, c in enumerate(odcs.customProperties or []) if c.property == "arrival"), 0)
    at: Place = ("customProperties", index, "value")
    values |= _properties(file, custom.get("arrival") or {}, keys, columns, at)
    try:
        arrival = _to_arrival(values)
    except msgspec.ValidationError as error:
        file.refuse(at, str(error))
    return _with_lateness(file, arrival, sla, columns)


def _refuse_arrival(
    file: ContractFile, odcs: OpenDataContractStandard, custom: Mapping[str, Any], sla: Mapping[str | None, Any]
) -> None:
    if odcs.servers or "arrival" in custom:
        file.refuse(("servers",), "a silver or gold table is made by a transform; it has no server and arrival")
    if "lateness" in sla:
        file.refuse(_lateness_at(sla), _NOT_LATE)


def _server(file: ContractFile, odcs: OpenDataContractStandard, name: str) -> Server:
    servers = odcs.servers or []
    if len(servers) != 1 or servers[0].type not in ("s3", "kinesis"):
        file.refuse(
            ("servers",), "a bronze dataset has one server, of type s3 (the landing bucket) or kinesis (its stream)"
        )
    server = servers[0]
    if server.type == "kinesis" and server.stream != name:
        file.refuse(
            ("servers", 0, "stream"), f"{server.stream!r} is not allowed; a stream has its dataset's name, {name!r}"
        )
    return server


def _properties(
    file: ContractFile, given: Any, keys: Mapping[str, str], columns: list[str], at: Place
) -> dict[str, Any]:
    """Return the fields of ``Arrival`` that the custom property gives."""
    if not isinstance(given, dict):
        file.refuse(at, "arrival is a mapping")
    values: dict[str, Any] = {}
    for key, value in given.items():
        field = keys[file.one_of(key, keys, (*at, key))]
        choices = get_args(get_type_hints(Arrival)[field])
        if choices and all(isinstance(choice, str) for choice in choices):
            file.one_of(value, choices, (*at, key))
        values[field] = value
    if "partition_key" in values:
        file.one_of(values["partition_key"], columns, (*at, "partitionKey"))
    try:
        "".encode(values.get("encoding", "utf-8"))
    except (LookupError, TypeError, ValueError):
        file.refuse((*at, "encoding"), f"{values['encoding']!r} is not an encoding that Python knows")
    return values


def _with_lateness(file: ContractFile, arrival: Arrival, sla: Mapping[str | None, Any], columns: list[str]) -> Arrival:
    """Return ``arrival`` with the column and the seconds that tell a late event, if the contract says them."""
    if "lateness" not in sla:
        return arrival
    at = _lateness_at(sla)
    if not arrival.stream:
        file.refuse(at, _NOT_LATE)
    event_time = file.one_of((sla["lateness"].element or "").rpartition(".")[2], columns, (*at, "element"))
    seconds = file.duration(sla, "lateness", 0)
    return msgspec.structs.replace(arrival, event_time=event_time, lateness_seconds=seconds)


def _lateness_at(sla: Mapping[str | None, Any]) -> Place:
    return ("slaProperties", list(sla).index("lateness"))
