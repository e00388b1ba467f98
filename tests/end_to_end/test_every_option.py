"""Every option that a contract allows, declared, deployed and used: contracts are made from the lists of options."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, get_args, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
import zstandard

from sluice.contracts.arrival import _FILE_KEYS
from sluice.contracts.model import Arrival
from sluice.contracts.partitions import TRANSFORMS
from sluice.contracts.spellings import MARKS, SPELLINGS, TWO_DIGIT_YEARS
from sluice.contracts.values.patterns import LETTERS
from sluice.contracts.values.texts import EPOCH_FORMATS
from sluice.ingestion.formats import FILE_FORMATS
from tests.end_to_end.running import Deployment, sluice, started
from tests.laws import fresh_seed

pytestmark = pytest.mark.slow
#: A value of each type, as a delimited file has it, and two more.
VALUES = {
    "string": ["a/b", "\U0001f600", "x" * 2000], "int": ["1", "-7", "2147483647"], "bigint": ["1", "-7", "9" * 18],
    "boolean": ["true", "false", "true"], "date": ["1969-12-31", "2024-02-29", "9999-12-31"],
    "timestamp": ["1969-12-31T23:59:59", "2024-02-29T01:02:03", "0001-01-01T00:00:00"], "binary": ["a", "b", "c/d"],
    "decimal": ["1.25", "-99.99", "0.00"],
}  # fmt: skip
LOG = b'127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 5\n'


@dataclass
class Case:
    """One dataset: what its contract says, what is sent, and the ``(id, v)`` that come back."""

    option: str
    body: bytes
    back: list[tuple[str, Any]]
    kind: str = "string"
    column: dict[str, Any] = field(default_factory=dict)
    arrival: dict[str, Any] = field(default_factory=dict)
    server: dict[str, Any] = field(default_factory=lambda: {"format": "csv"})
    table: dict[str, Any] = field(default_factory=dict)
    suffix: str = "dat"
    rejected: int = 0

    def contract(self, name: str) -> dict[str, Any]:
        kind = "decimal(5,2)" if self.kind == "decimal" else self.kind
        columns = [
            {"name": "id", "logicalType": "string", "physicalType": "string", "primaryKey": True},
            {"name": "v", "logicalType": "string", "physicalType": kind, **self.column},
        ]
        if self.server["format"] == "access_log":
            columns[0]["physicalName"], columns[1]["physicalName"] = "host", "path"
        table = {"name": name, "physicalName": f"bronze.{name}", "physicalType": "table", "properties": columns}
        return {
            "apiVersion": "v3.1.0", "kind": "DataContract", "id": name, "version": "1.0.0", "status": "active",
            "servers": [{"server": "landing", "type": "s3", "location": f"s3://landing/{name}/", **self.server}],
            "schema": [{**table, **self.table}],
            **({"customProperties": [{"property": "arrival", "value": self.arrival}]} if self.arrival else {}),
        }  # fmt: skip


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"id": ["r0"], "v": ["é"]}), out)
    return out.getvalue()


def cases() -> Iterator[Case]:
    plain, back = "id,v\nr0,é\n", [("r0", "é")]
    yield from (
        Case(f"partitionTransform {t} of {k}", *_partitioned(t, k)) for t, kinds in TRANSFORMS.items() for k in kinds
    )
    record = json.dumps({"id": "r0", "v": "é"}, ensure_ascii=False)
    bodies = {
        "csv": plain.encode(), "json": f"[{record}]".encode(), "ndjson": record.encode(), "parquet": parquet(),
        "access_log": LOG,
    }  # fmt: skip
    for name in FILE_FORMATS:
        wanted = [("127.0.0.1", "/a")] if name == "access_log" else back
        yield Case(f"format {name}", bodies[name], wanted, server={"format": name})
    packed = {"auto": gzip.compress, "none": bytes, "gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}
    for name in get_args(get_type_hints(Arrival)["compression"]):
        yield Case(f"compression {name}", packed[name](plain.encode()), back, arrival={"compression": name})
    for name in ("utf-8", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8-sig", "iso8859-15"):
        yield Case(f"encoding {name}", plain.encode(name), back, arrival={"encoding": name})
    for mark in (";", "\t", "|", "\x01", "^", "]", "-", " ", "\\"):
        body = plain.replace(",", mark).encode()
        yield Case(f"delimiter {mark!r}", body, back, server={"format": "csv", "delimiter": mark})
    quoted = b"id,v\nr0,'a,\x27\x27b\x27\x27'\n"
    yield Case("quoteChar '", quoted, [("r0", "a,'b'")], arrival={"quoteChar": "'"})
    yield Case("quoteChar none", b'id,v\nr0,"a\n', [("r0", '"a')], arrival={"quoteChar": "none"})
    slashes = {"escapeChar": "\\", "nullValues": ["\\N"]}
    escaped = b'id,v\nr0,"a\\"\\\\,\\\nb"\nr1,\\N\nr2,"a""b"\n'
    yield Case("escapeChar", escaped, [("r0", 'a"\\,\nb'), ("r1", None)], arrival=slashes, rejected=1)
    yield Case("header", "r0,é\n".encode(), back, arrival={"header": False})
    yield Case("nullValues", b"id,v\nr0,NA\nr1,-\n", [("r0", None), ("r1", None)], arrival={"nullValues": ["NA", "-"]})
    extra = b"id,v,more\nr0,a,b\n"
    yield Case("extraColumns ignore", extra, [("r0", "a")], arrival={"extraColumns": "ignore"})
    yield Case("extraColumns reject", extra, [], arrival={"extraColumns": "reject"}, rejected=1)
    no_key = b"id,v\n,a\n"
    yield Case("nullKeys keep", no_key, [(None, "a")], arrival={"nullKeys": "keep"})
    yield Case("nullKeys quarantine", no_key, [], arrival={"nullKeys": "quarantine"}, rejected=1)
    twice = b"id,v\nr0,a\nr0,a\n"
    yield Case("sent twice", twice, [("r0", "a")] * 2)
    for name in ("expectedFilesPerDay", "expectedRowsPerDay"):
        yield Case(name, plain.encode(), back, arrival={name: 1})
    order = {"customProperties": [{"property": "sortOrder", "value": ["v"]}]}
    yield Case("sortOrder", b"id,v\nr0,b\nr1,a\n", [("r0", "b"), ("r1", "a")], table=order)
    yield from _logical()


def _partitioned(transform: str, kind: str) -> tuple[Any, ...]:
    spelled = transform.replace("[n]", "[4]")
    custom = [{"property": "partitionTransform", "value": spelled}]
    lines = "".join(f"r{n},{value}\n" for n, value in enumerate(VALUES[kind]))
    column = {"partitioned": True, "customProperties": custom}
    return f"id,v\n{lines}".encode(), [(f"r{n}", ...) for n in range(3)], kind, column


def _logical() -> Iterator[Case]:
    def options(kind: str, good: str, bad: str, **given: Any) -> Case:
        body = f"id,v\nr0,{good}\nr1,{bad}\n".encode()
        return Case(f"{kind} {given}", body, [("r0", ...)], kind, {"logicalTypeOptions": given}, rejected=1)

    yield options("string", "abc", "xyz", pattern="^a")
    yield options("string", "abc", "a", minLength=2)
    yield options("string", "abc", "abcd", maxLength=3)
    yield options("int", "5", "4", minimum=5)
    yield options("int", "5", "6", maximum=5)
    yield options("decimal", "5.01", "5.00", exclusiveMinimum=5)
    yield options("date", "2024-01-01", "2024-01-02", exclusiveMaximum="2024-01-02")
    for name, units in EPOCH_FORMATS.items():
        yield options("timestamp", str(86_400 * units), "x", format=name)
    for letters in _formats():
        yield options("timestamp", *_written(letters), format=letters)
    yield from _spelled()
    yield options("date", "31/12/1999", "12/31/99", format=["yyyy-MM-dd", "dd/MM/yyyy"])


def _spelled() -> Iterator[Case]:
    def spelled(kind: str, good: str, bad: str, **given: Any) -> Case:
        custom = [{"property": name, "value": value} for name, value in given.items()]
        body = f'id,v\nr0,"{good}"\nr1,"{bad}"\n'.encode()
        return Case(" ".join(given), body, [("r0", ...)], kind, {"customProperties": custom}, rejected=1)

    for mark in MARKS["decimalSeparator"][1:]:
        yield spelled("decimal", f"1{mark}5", "1.5", decimalSeparator=mark)
    for mark in MARKS["groupSeparator"]:
        point = "." if mark == "," else ","
        good, bad = f"1{mark}234{point}5", f"1{mark}2{point}5"
        yield spelled("double", good, bad, groupSeparator=mark, decimalSeparator=point)
    yield spelled("boolean", "Ja", "yes", trueValues=["Ja"], falseValues=["Nein"])
    yield spelled("int", " 1 ", "1 1", trim=True)
    years = {"customProperties": [{"property": TWO_DIGIT_YEARS, "value": 1900}]}
    column = {"logicalTypeOptions": {"format": "dd/MM/yy"}, **years}
    yield Case(TWO_DIGIT_YEARS, b"id,v\nr0,31/12/00\n", [("r0", date(1900, 12, 31))], "date", column)


#: Patterns in which every letter stands.
WRITTEN = {
    "yyyy-MM-dd HH:mm:ss": "2024-02-29 01:02:03", "MM/d/yy H:mm": "02/9/24 1:02",
    "M/dd/yyyy hh:mm a": "2/29/2024 01:02 PM",
    "dd MMM yyyy h a": "29 Feb 2024 1 AM", "yyyy-MM-dd'T'HH:mm:ssXXX": "2024-02-29T01:02:03+02:00",
    "yyyyMMdd HHmmss Z": "20240229 010203 +0200",
    **{f"yyyy-MM-dd HH:mm:ss.{'S' * n}": f"2024-02-29 01:02:03.{'1' * n}" for n in range(1, 7)},
}  # fmt: skip


def _formats() -> list[str]:
    used = {m[0] for text in WRITTEN for m in re.finditer(r"([A-Za-z])\1*", text.replace("'T'", ""))}
    assert used == set(LETTERS), "a letter without a pattern here"
    return list(WRITTEN)


def _written(pattern: str) -> tuple[str, str]:
    return WRITTEN[pattern], "2024-02-30"


@pytest.fixture(scope="module", params=[8, pytest.param(1, marks=[pytest.mark.proof])])
def every(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Deployment, dict[str, Case]]]:
    """A deployment of every option, or of one in so many, from one by chance, which is printed."""
    first = fresh_seed() % request.param
    sys.stdout.write(f"every {request.param}th option from the {first}th\n")
    folder = tmp_path_factory.mktemp("every") / "contracts"
    folder.mkdir()
    named = {f"option_{number}": case for number, case in enumerate(cases()) if number % request.param == first}
    for name, case in named.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(case.contract(name)))
    with started(tmp_path_factory.mktemp("aws"), [folder]) as deployment:
        yield deployment, named


def test_every_option_acts_where_it_is_deployed(every: tuple[Deployment, dict[str, Case]]) -> None:
    deployment, named = every
    sent = {name: deployment.put(f"{name}/a.{case.suffix}", case.body) for name, case in named.items()}
    ended = deployment.ended(sent.values(), 500)
    wrong = {}
    for name, case in named.items():
        delivery = ended[sent[name].delivery_id]
        rows = deployment.table(f"bronze.{name}").scan().to_arrow().sort_by("id")
        back = list(zip(rows["id"].to_pylist(), rows["v"].to_pylist(), strict=True))
        wanted = [
            (key, found if value is ... else value) for (key, value), (_, found) in zip(case.back, back, strict=False)
        ]
        kept = deployment.table(f"quarantine.{name}").scan().to_arrow().num_rows
        if back != wanted or len(back) != len(case.back) or kept != case.rejected:
            wrong[case.option] = (delivery.status, delivery.error, back, kept)
    assert wrong == {}


def test_athena_reads_what_was_accepted(every: tuple[Deployment, dict[str, Case]]) -> None:
    _, named = every
    union = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) AS n FROM bronze.{name}" for name in named)
    asked = sluice("query", "--format", "csv", union)
    assert asked.returncode == 0, asked.stderr
    counted = {name: int(n) for name, n in list(csv.reader(io.StringIO(asked.stdout)))[1:]}
    for name, case in named.items():
        assert counted[name] == len(case.back), case.option


def test_every_option_of_an_arrival_is_among_them() -> None:
    said = {case.option.split()[0] for case in cases()}
    assert {*_FILE_KEYS, *(own for each in FILE_FORMATS.values() for own in each.own)} <= said
    assert {TWO_DIGIT_YEARS, *SPELLINGS} <= {word for case in cases() for word in case.option.split()}
