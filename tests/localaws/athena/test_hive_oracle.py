"""Delimited text, OpenCSV and patterns give the very rows that Hive's own SerDes give."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from localaws.athena import typing as types
from localaws.athena.hive.lines import Field
from localaws.athena.hive.serdes import text_reader
from localaws.glue.spark import java
from tests.folders import ROOT
from tests.localaws.athena.hive_oracle import plain

_SERDE2 = "org.apache.hadoop.hive.serde2"
_COMMAS = {"field.delim": ",", "serialization.format": ","}
#: A table: its columns, its SerDe, the SerDe's properties, what its text is made of.
TABLES: dict[str, tuple[str, str, dict[str, str], str]] = {
    "nested": (
        "a array<string>, m map<string,int>, s struct<x:double,y:array<int>>, d array<array<int>>",
        "lazy.LazySimpleSerDe",
        _COMMAS | {"colelction.delim": ";", "mapkey.delim": ":"},
        ",,,;;::\n\\N12ab.",
    ),
    "scalars": (
        "i int, l bigint, t tinyint, d double, f float, b boolean, m decimal(5,2), ts timestamp, s string",
        "lazy.LazySimpleSerDe",
        _COMMAS,
        ",,,,\n\n129.-+eE tru",
    ),
    "escaped": ("a string, b array<string>, c string", "lazy.LazySimpleSerDe", _COMMAS | {"escape.delim": "\\"},
                ",,\\\x02\\Nnr\n\nab"),
    "opencsv": ("a string, b string, c string", "OpenCSVSerde", {}, ',,""\\\n\nab '),
    "opencsv2": ("a string, b string", "OpenCSVSerde", {"separatorChar": ";", "quoteChar": "'", "escapeChar": "^"},
                 ";;''^\n\nab "),
    "regex": ("a string, b string", "RegexSerDe", {"input.regex": "([a-z]*),([0-9]*)"}, "a1,,\nb"),
}  # fmt: skip
WORDS = (
    "NaN", "Infinity", "-Infinity", "true", "FALSE", "t", "1.5f", "1e3", "+7", "-0", "127", "128", "-129", "2147483648",
    "12.7", " 3 ", "1.005", "1000", "\\N", "2024-01-31 10:00:00", "2024-01-31 10:00:00.1234567", "2024-01-31T10:00:00",
    "2024-01-31", "é\u2028", "x\x0by\x85", "9223372036854775808", ".5", "5.", "", " ", "\t1",
)  # fmt: skip


def texts() -> dict[str, str]:
    """Return a text for each table, made of its characters and of words by chance, by the same seed on each day."""
    chance, found = random.Random(7), {}
    for name, (columns, _, properties, characters) in TABLES.items():
        width, delimiter = columns.count(", ") + 1, properties.get("field.delim", properties.get("separatorChar", ","))
        lines = ["".join(chance.choices(characters, k=chance.randint(0, 30))) for _ in range(300)]
        lines += [delimiter.join(chance.choices(WORDS, k=width)) for _ in range(300 if name == "scalars" else 100)]
        found[name] = "\n".join(lines) + "\n"
    return found


def ours(name: str, text: str) -> list[list[Any]]:
    """Return the rows that the local Athena reads."""
    columns, serde, properties, _ = TABLES[name]
    kind = types.hive_type(f"struct<{columns.replace(', ', ',').replace(' ', ':')}>")
    fields = [Field(place, f.name, f.kind) for place, f in enumerate(kind.expressions)]
    info = {"SerializationLibrary": f"{_SERDE2}.{serde}", "Parameters": properties}
    reader = text_reader({"SerdeInfo": info}, {}, fields, len(fields))
    rows = []
    for record in reader.records(text, name):
        rows.append([_shaped(value, field.kind.this) for value, field in zip(record, fields, strict=True)])
    return rows


def _shaped(value: Any, kind: types.DType) -> Any:
    if value is not None and kind == types.DType.FLOAT:
        return plain(pa.scalar(value, pa.float32()).as_py())
    if value is not None and kind == types.DType.MAP:
        return plain(dict(value))
    if value is not None and kind == types.DType.STRUCT:
        return {key: plain(item) for key, item in value.items()}
    return plain(value)


@pytest.mark.spark
@pytest.mark.proof
def test_text_is_read_as_hive_reads_it(tmp_path: Path) -> None:
    described, written = {}, texts()
    for name, (columns, serde, properties, _) in TABLES.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_bytes(written[name].encode())
        spelled = {key: value.replace("\\", "\\\\").replace("'", "\\'") for key, value in properties.items()}
        told = ", ".join(f"'{key}'='{value}'" for key, value in spelled.items())
        form = f"ROW FORMAT SERDE '{_SERDE2}.{serde}'" + (f" WITH SERDEPROPERTIES ({told})" if told else "")
        described[name] = (columns, form)
    (tmp_path / "tables.json").write_text(json.dumps(described))
    subprocess.run(
        [sys.executable, "-m", "tests.localaws.athena.hive_oracle", str(tmp_path)],
        check=True, capture_output=True, timeout=240, cwd=ROOT,
        env=os.environ | {"JAVA_HOME": str(java().home), "SPARK_LOCAL_IP": "127.0.0.1"},
    )  # fmt: skip
    hives = json.loads((tmp_path / "rows.json").read_text())
    wrong = []
    for name, text in written.items():
        mine = json.loads(json.dumps(ours(name, text)))
        assert len(mine) == len(hives[name]), name
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        wrong += [(name, lines[at], m, h) for at, (m, h) in enumerate(zip(mine, hives[name], strict=True)) if m != h]
    assert not wrong, "\n".join(map(repr, wrong[:60]))
