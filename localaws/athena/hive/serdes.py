"""The SerDes of text, by the names that tables give them.

https://docs.aws.amazon.com/athena/latest/ug/supported-serdes.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from localaws.athena.errors import not_supported
from localaws.athena.hive.json_lines import CloudTrail, JsonLines
from localaws.athena.hive.lazy_simple import LazySimple
from localaws.athena.hive.lines import Field, TextReader, Told
from localaws.athena.hive.opencsv import OpenCsv
from localaws.athena.hive.patterns import Patterned

_READ = "OpenCSV, LazySimple, JSON (OpenX and Hive), Regex, Grok, CloudTrail, Parquet, ORC and Avro"


def text_reader(storage: dict[str, Any], table: dict[str, Any], fields: Sequence[Field], width: int) -> TextReader:
    """Return what reads a table's or a partition's text; ``width`` is the number of the table's columns."""
    info = storage.get("SerdeInfo") or {}
    serde = str(info.get("SerializationLibrary") or "")
    told = Told.by(info.get("Parameters") or {}, table.get("Parameters") or {})
    if "cloudtrail" in f"{serde} {storage.get('InputFormat') or ''}".lower():
        return CloudTrail(told, fields)
    if "JsonSerDe" in serde:
        return JsonLines(told, fields, openx="openx" in serde)
    if "OpenCSVSerde" in serde:
        return OpenCsv(told, fields)
    if "LazySimpleSerDe" in serde:
        return LazySimple(told, fields, width)
    if "RegexSerDe" in serde:
        return Patterned.regex(told, fields, width)
    if "Grok" in serde:
        return Patterned.grok(told, fields)
    raise not_supported(f"the SerDe {serde or '(none)'}", allowed=_READ)
