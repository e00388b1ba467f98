"""Answers SHOW and DESCRIBE from the Glue catalog."""

from __future__ import annotations

import re
from collections.abc import Callable

from localaws.athena.catalog import Catalog, comments_of
from localaws.athena.errors import not_supported
from localaws.athena.results import Results, of_lines
from localaws.athena.statements import NAME
from localaws.wildcards import matches


def show(sql: str, database: str, catalog: Catalog) -> Results:
    """Return the lines of a SHOW or DESCRIBE; raise, naming the kind, for one that is not simulated."""
    for pattern, answer in _SHOWS:
        match = re.fullmatch(r"\s*" + pattern + r"\s*", sql, re.IGNORECASE)
        if match:
            return answer(match, database, catalog)
    raise not_supported(f"the statement {' '.join(sql.split()[:2]).upper()}")


def _databases(match: re.Match[str], database: str, catalog: Catalog) -> Results:
    return of_lines("database_name", _like(catalog.databases(), match[1]))


def _tables(match: re.Match[str], database: str, catalog: Catalog) -> Results:
    names = [str(table["Name"]) for table in catalog.tables((match[1] or database).lower())]
    return of_lines("tab_name", _like(names, match[2]))


def _columns(match: re.Match[str], database: str, catalog: Catalog) -> Results:
    place = (match[3] or match[1] or database).lower()
    columns = catalog.glue_columns(catalog.table(place, match[2].lower()))
    return of_lines("field", [name.ljust(20) for name, _, _ in columns])


def _describe(match: re.Match[str], database: str, catalog: Catalog) -> Results:
    table = catalog.table((match[1] or database).lower(), match[2].lower())
    columns = catalog.glue_columns(table)

    comments = comments_of(table)

    def line(name: str, kind: str) -> str:
        return f"{name.ljust(20)}\t{kind.ljust(20)}\t{comments.get(name, '').ljust(20)}"

    lines = [line(name, kind) for name, kind, _ in columns]
    keys = [line(name, kind) for name, kind, key in columns if key]
    if keys:
        lines += [
            "\t \t ",
            "# Partition Information\t \t ",
            f"{'# col_name'.ljust(24)}\tdata_type           \tcomment             ",
            "\t \t ",
            *keys,
        ]
    return of_lines("col_name", lines)


def _partitions(match: re.Match[str], database: str, catalog: Catalog) -> Results:
    place, name = (match[1] or database).lower(), match[2].lower()
    keys = [key["Name"] for key in catalog.table(place, name).get("PartitionKeys") or []]
    found = catalog.partitions(place, name)
    return of_lines("partition", ["/".join(f"{k}={v}" for k, v in zip(keys, p["Values"], strict=True)) for p in found])


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _create_table(match: re.Match[str], database: str, catalog: Catalog) -> Results:
    place, name = (match[1] or database).lower(), match[2].lower()
    table = catalog.table(place, name)
    columns = catalog.glue_columns(table)
    parameters = table.get("Parameters") or {}
    location = (table.get("StorageDescriptor") or {}).get("Location", "")
    iceberg = "metadata_location" in parameters
    quote = "" if iceberg else "`"
    said = {name: f" COMMENT '{_quoted(text)}'" for name, text in comments_of(table).items()}
    body = ",\n".join(
        f"  {quote}{column}{quote} {kind}{said.get(column, '')}" for column, kind, key in columns if not key
    )
    lines = [f"CREATE {'' if iceberg else 'EXTERNAL '}TABLE {place + '.' + name if iceberg else f'`{place}.{name}`'}("]
    lines += [f"{body})"]
    keys = [f"  `{column}` {kind}{said.get(column, '')}" for column, kind, key in columns if key]
    if keys:
        lines += ["PARTITIONED BY ( ", ", \n".join(keys) + ")"]
    lines += ["LOCATION", f"  '{location}'"]
    shown = {"table_type": "iceberg"} if iceberg else parameters
    if shown:
        properties = ",\n".join(f"  '{key}'='{value}'" for key, value in sorted(shown.items()))
        lines += ["TBLPROPERTIES (", properties + "\n)"]
    return of_lines("createtab_stmt", "\n".join(lines).split("\n"))


_Show = Callable[[re.Match[str], str, Catalog], Results]
_SHOWS: list[tuple[str, _Show]] = [
    (r"SHOW\s+(?:DATABASES|SCHEMAS)(?:\s+(?:LIKE\s+)?'([^']*)')?", _databases),
    (r"SHOW\s+TABLES(?:\s+(?:IN|FROM)\s+[`\"]?([\w-]+)[`\"]?)?(?:\s+(?:LIKE\s+)?'([^']*)')?", _tables),
    (rf"SHOW\s+COLUMNS\s+(?:IN|FROM)\s+{NAME}(?:\s+(?:IN|FROM)\s+[`\"]?([\w-]+)[`\"]?)?", _columns),
    (rf"SHOW\s+PARTITIONS\s+{NAME}", _partitions),
    (rf"SHOW\s+CREATE\s+TABLE\s+{NAME}", _create_table),
    (rf"(?:DESCRIBE|DESC)\s+(?:FORMATTED\s+|EXTENDED\s+)?{NAME}", _describe),
]


def _like(names: list[str], pattern: str | None) -> list[str]:
    """Return the names that match a Hive pattern (``*`` any text, ``|`` or)."""
    if pattern is None:
        return names
    choices = [part.replace("%", "*") for part in pattern.lower().split("|")]
    return [name for name in names if any(matches(choice, name, marks=False) for choice in choices)]
