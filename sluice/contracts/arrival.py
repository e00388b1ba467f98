"""Reads from a contract how its dataset arrives: its server, the custom property ``arrival``, and what is late."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from string import punctuation
from typing import Any, NoReturn, get_args, get_type_hints

import msgspec
from open_data_contract_standard.model import OpenDataContractStandard, Server

from sluice.contracts.contract_file import ContractFile, Place
from sluice.contracts.formats import Format, Formats
from sluice.contracts.model import Arrival
from sluice.decoding import converter
from sluice.nearest import did_you_mean
from sluice.shortened import shortened

_FILE_KEYS = {
    "header": "header",
    "quoteChar": "quote",
    "escapeChar": "escape",
    "encoding": "encoding",
    "compression": "compression",
    "nullValues": "null_values",
    "extraColumns": "extra_columns",
    "nullKeys": "null_keys",
    "expectedFilesPerDay": "expected_files_per_day",
    "expectedRowsPerDay": "expected_rows_per_day",
}
_STREAM_KEYS = {
    "nullValues": "null_values",
    "nullKeys": "null_keys",
    "partitionKey": "partition_key",
    "expectedRowsPerDay": "expected_rows_per_day",
}
#: What a contract calls the landing bucket, whatever its name is where it is deployed.
LANDING = "landing"
#: What Python calls an encoding and is none of a file's text.
_NO_ENCODINGS = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape")
#: Those that files mostly have.
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "iso-8859-15", "latin-1", "cp1252", "windows-1252", "ascii")
#: What a contract says for no quote or escape character.
_NO_MARK = "none"
#: More than any dataset has in a day; the cost of what is expected is told before it comes.
_MOST_PER_DAY = 1e15
_NOT_LATE = "lateness is for datasets that arrive by stream"


#: What msgspec calls types, in words of YAML.
_TYPES = {"str": "a text", "bool": "true or false", "array": "a list of texts", "int": "a whole number"}

_to_arrival = converter(Arrival)


def read_arrival(
    file: ContractFile,
    odcs: OpenDataContractStandard,
    custom: Mapping[str, Any],
    sla: Mapping[str | None, Any],
    *,
    name: str,
    columns: list[str],
    formats: Formats,
) -> Arrival:
    """Return how the dataset ``name`` arrives, in one of ``formats``."""
    server = _server(file, odcs, name)
    stream = server.type == "kinesis"
    known = formats.of(stream=stream)
    chosen = file.one_of(server.format, known, ("servers", 0, "format"))
    delimiter = file.found.tried(lambda: _delimiter(file, server, formats), ",")
    values: dict[str, Any] = {"format": chosen, "stream": stream, "delimiter": delimiter}
    index = next((i for i, c in enumerate(odcs.customProperties or []) if c.property == "arrival"), 0)
    at: Place = ("customProperties", index, "value")
    given = custom.get("arrival", {})
    values |= _properties(file, given, _STREAM_KEYS if stream else _FILE_KEYS, columns, at, chosen=known[chosen])
    _refuse_idle(file, server, given, at, known)
    try:
        arrival = _to_arrival(values)
    except msgspec.ValidationError as error:
        _refuse_type(file, error, at)
    _refuse_marks(file, arrival, given, at)
    return _with_lateness(file, arrival, sla, columns)


def _refuse_type(file: ContractFile, error: msgspec.ValidationError, at: Place) -> NoReturn:
    """Refuse the option of which msgspec says that its value is of another type, as the contract calls it."""
    said, _, path = str(error).partition(" - at `$.")
    field = path.partition("`")[0].partition("[")[0]
    key = next((key for key, name in {**_FILE_KEYS, **_STREAM_KEYS}.items() if name == field), field)
    wanted = re.fullmatch(r"Expected `(.+)`, got `(.+)`", said)
    words = f"{_TYPES.get(wanted[1], wanted[1])} is wanted" if wanted else said
    file.refuse((*at, key) if key else at, words)


def refuse_arrival(
    file: ContractFile, odcs: OpenDataContractStandard, custom: Mapping[str, Any], sla: Mapping[str | None, Any]
) -> None:
    """Refuse whatever a derived table's contract says of its arrival: it does not arrive."""
    if odcs.servers or "arrival" in custom:
        with file.found:
            file.refuse(("servers",), "a silver or gold table is made by a transform; it has no server and arrival")
    if "lateness" in sla:
        file.refuse(file.service_level_at("lateness"), _NOT_LATE)


def _server(file: ContractFile, odcs: OpenDataContractStandard, name: str) -> Server:
    servers = odcs.servers or []
    if len(servers) != 1 or servers[0].type not in ("s3", "kinesis"):
        file.refuse(
            ("servers",), "a bronze dataset has one server, of type s3 (the landing bucket) or kinesis (its stream)"
        )
    server = servers[0]
    with file.found:
        _refuse_stream(file, server, name)
    with file.found:
        own = f"s3://{LANDING}/{name}/"
        if server.location is not None and (server.type != "s3" or server.location.removesuffix("/") != own[:-1]):
            file.refuse(
                ("servers", 0, "location"),
                f"{server.location!r} is not allowed; "
                + (f"what is dropped for {name} lands in {own}" if server.type == "s3" else "a stream has no location"),
            )
    return server


def _refuse_stream(file: ContractFile, server: Server, name: str) -> None:
    """Refuse a stream that is not called as its dataset, and one of what comes as files."""
    at = ("servers", 0, "stream")
    if server.type == "s3" and server.stream is not None:
        file.refuse(at, "files come by no stream; remove it, or write type: kinesis")
    if server.type == "kinesis" and server.stream is None:
        file.refuse(at, f"it is missing; write {name!r}: a stream has its dataset's name")
    if server.type == "kinesis" and server.stream != name:
        file.refuse(at, f"{server.stream!r} is not allowed; a stream has its dataset's name, {name!r}")


def _properties(
    file: ContractFile, given: Any, keys: Mapping[str, str], columns: list[str], at: Place, *, chosen: Format
) -> dict[str, Any]:
    """Return the fields of ``Arrival`` that the custom property gives."""
    if not isinstance(given, dict):
        file.refuse(at, "arrival is a mapping")
    values: dict[str, Any] = {}
    own: list[tuple[str, Any]] = []
    for key, value in given.items():
        with file.found:
            if key in chosen.own:
                own.append((key, _own_value(file, chosen, key, value, at)))
            else:
                field = keys[_known(file, key, [*keys, *chosen.own], (*at, key))]
                values[field] = _value(file, field, value, (*at, key), columns)
    if own:
        values["own_options"] = own
    return values


def _value(file: ContractFile, field: str, value: Any, at: Place, columns: list[str]) -> Any:
    """Return the value of ``Arrival``'s ``field``, which stands at ``at``."""
    choices = get_args(get_type_hints(Arrival)[field])
    if choices and all(isinstance(choice, str) for choice in choices):
        return file.one_of(value, choices, at)
    if field in ("quote", "escape"):
        if not isinstance(value, str):
            file.refuse(at, f"{value!r} is not allowed; allowed: {_NO_MARK}, and one of {punctuation}")
        return "" if value == _NO_MARK else value
    if field == "partition_key":
        return file.one_of(value, columns, at)
    if field == "encoding" and not _is_encoding(value):
        meant = did_you_mean(value, _ENCODINGS) or " write one such as utf-8"
        file.refuse(at, f"{value!r} is not an encoding that Python knows;{meant}")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if field.startswith("expected_") and not (number and 0 <= value <= _MOST_PER_DAY):
        file.refuse(at, f"{shortened(repr(value))} is not a number from 0 to {_MOST_PER_DAY:g}")
    return value


def _known(file: ContractFile, key: Any, allowed: list[str], at: Place) -> str:
    """Return the option's name; refuse one that is none, or is one of the server's."""
    if key == "repeatedKeys":
        file.refuse(at, "it is no option any more: what a producer sends twice is there twice; remove the line")
    if key in Server.model_fields and key not in allowed:
        file.refuse(at, f"it belongs under servers, where it can act; allowed here: {', '.join(allowed)}")
    return file.one_of(key, allowed, at)


def _is_encoding(name: Any) -> bool:
    try:
        "".encode(name)
        return codecs.lookup(name).name.replace("-", "_") not in _NO_ENCODINGS
    except (LookupError, TypeError, UnicodeError, ValueError):
        return False


def _own_value(file: ContractFile, chosen: Format, key: str, value: Any, at: Place) -> Any:
    """Return the value of an option that only the format has, if it allows it."""
    held = isinstance(value, str | bool) or (isinstance(value, int | float) and abs(value) < 2**63)
    if not held:  # nor does JSON hold what is no number
        file.refuse((*at, key), f"{shortened(repr(value))} is not allowed; a text, a number, true or false is wanted")
    if problem := chosen.own[key](value):
        file.refuse((*at, key), problem)
    return value


def _acts_in(option: str, formats: Mapping[str, Format]) -> list[str]:
    return [name for name, each in formats.items() if option in each.options]


def _delimiter(file: ContractFile, server: Server, formats: Formats) -> str:
    """Return the one character that parts fields: ASCII, and none that means something else."""
    given = "," if server.delimiter is None else server.delimiter
    acts_in = _acts_in("delimiter", formats.files)
    if server.delimiter is not None and (server.type != "s3" or server.format not in acts_in):
        file.refuse(("servers", 0, "delimiter"), f"a delimiter is for {', '.join(acts_in)}, not {server.format}")
    if len(given) != 1 or not given.isascii() or given in '"\r\n\0':
        file.refuse(
            ("servers", 0, "delimiter"),
            f"{given!r} is not allowed; allowed: one ASCII character, and no quote, line end or NUL",
        )
    return given


def _refuse_idle(
    file: ContractFile, server: Server, given: Mapping[str, Any], at: Place, formats: Mapping[str, Format]
) -> None:
    """Refuse an option that does nothing in the server's format."""
    for key in given:
        acts_in = _acts_in(key, formats)
        if acts_in and server.format not in acts_in:
            with file.found:
                file.refuse((*at, key), f"{key} does nothing for {server.format}; it is for {', '.join(acts_in)}")
    see_extra = [name for name, each in formats.items() if each.extra_columns]
    if given.get("extraColumns") == "reject" and server.format not in see_extra:
        with file.found:
            file.refuse(
                (*at, "extraColumns"),
                f"'reject' is for {', '.join(see_extra)}; other columns are ignored in {server.format}",
            )


def _refuse_marks(file: ContractFile, arrival: Arrival, given: Mapping[str, Any], at: Place) -> None:
    """Refuse characters of delimited text that could not be told apart."""
    for key, mark in (("quoteChar", arrival.quote), ("escapeChar", arrival.escape)):
        if key in given and mark and (len(mark) != 1 or mark not in punctuation):
            file.refuse((*at, key), f"{mark!r} is not allowed; allowed: {_NO_MARK}, and one of {punctuation}")
        if key in given and mark == arrival.delimiter:
            file.refuse((*at, key), f"{mark!r} is the delimiter")
    if arrival.quote == "\\":
        file.refuse((*at, "quoteChar"), "a backslash is no quote; it is what escapes in other files")
    if not arrival.escape:
        return
    if arrival.escape == arrival.quote:
        file.refuse((*at, "escapeChar"), f"{arrival.quote!r} is the quote; where none is said, quotes are doubled")
    for number, null in enumerate(arrival.null_values):
        named = null[1:].isalnum() and null.isascii() and arrival.delimiter not in null
        if arrival.escape in null and not (null.startswith(arrival.escape) and named):
            file.refuse(
                (*at, "nullValues", number),
                f"{null!r} cannot come; with the escape character in it, it is that and letters, such as \\N",
            )


def _with_lateness(file: ContractFile, arrival: Arrival, sla: Mapping[str | None, Any], columns: list[str]) -> Arrival:
    """Return ``arrival`` with the column and the seconds that tell a late event, if the contract says them."""
    if "lateness" not in sla:
        return arrival
    at = file.service_level_at("lateness")
    if not arrival.stream:
        file.refuse(at, _NOT_LATE)
    event_time = file.one_of((sla["lateness"].element or "").rpartition(".")[2], columns, (*at, "element"))
    seconds = file.duration(sla, "lateness", 0)
    return msgspec.structs.replace(arrival, event_time=event_time, lateness_seconds=seconds)
