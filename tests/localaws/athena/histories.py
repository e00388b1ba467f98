"""Random histories of one Iceberg table, as statements of Athena, beside a model of lists that says what its rows are.

A predicate or an assignment is a text of SQL with a function of Python that means the same; None is NULL, and a
predicate that is None, neither true nor false, holds for no row.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import made, table_of

PARTITIONS = ("", "v", "bucket(2, id)", "truncate(3, n), v", "month(d)", "v, day(d)")
COLUMNS = "id int, v string, n bigint, d date"
_DAYS = ("2024-01-31", "2024-02-01", "2024-02-29", None)
Row = dict[str, Any]


@dataclass(frozen=True)
class Term:
    """SQL, and the function of a row and of all rows that it means."""

    sql: str
    value: Callable[[Row, list[Row]], Any]


def _more(value: Any, than: int) -> bool | None:
    return None if value is None else value > than


def _predicate(chance: random.Random) -> Term:
    number, rest = chance.randint(0, 12), chance.randint(0, 2)
    text, day = chance.choice("abc"), chance.choice([day for day in _DAYS if day])
    known = [
        Term(f"n > {number}", lambda row, rows: _more(row["n"], number)),
        Term(f"NOT (n > {number})", lambda row, rows: None if row["n"] is None else row["n"] <= number),
        Term(f"v = '{text}'", lambda row, rows: row["v"] == text),
        Term("v IS NULL", lambda row, rows: row["v"] is None),
        Term(f"t.id % 3 = {rest}", lambda row, rows: row["id"] % 3 == rest),
        Term(f"d < DATE '{day}'", lambda row, rows: row["d"] is not None and row["d"] < day),
        Term("id = (SELECT max(id) FROM t)", lambda row, rows: row["id"] == max(r["id"] for r in rows)),
        Term(
            f"EXISTS (SELECT 1 FROM t AS o WHERE o.n = t.id AND o.id > {rest})",
            lambda row, rows: any(o["n"] == row["id"] and o["id"] > rest for o in rows),
        ),
        Term("true", lambda row, rows: True),
    ]
    return chance.choice(known)


def _assignment(chance: random.Random) -> tuple[str, Term]:
    known = [
        ("n", Term("n + 1", lambda row, rows: None if row["n"] is None else row["n"] + 1)),
        ("v", Term("v || 'u'", lambda row, rows: None if row["v"] is None else row["v"] + "u")),
        ("v", Term("NULL", lambda row, rows: None)),
        ("n", Term("id", lambda row, rows: row["id"])),
        ("d", Term("DATE '2024-02-29'", lambda row, rows: "2024-02-29")),
    ]
    return chance.choice(known)


class History:
    """A table, its model, and a source of statements that change both."""

    def __init__(self, client: Client, seed: int) -> None:
        self.client, self.chance = client, random.Random(seed)
        self.rows: list[Row] = []
        self.said: list[str] = []
        self.states: list[tuple[int, list[Row]]] = []
        made(client, columns=COLUMNS, partitioned=self.chance.choice(PARTITIONS))

    def step(self) -> None:
        """Have one statement, or another writer's commit, change the table and the model."""
        kinds = [self.insert, self.insert, self.update, self.update, self.delete, self.merge, self.merge,
                 self.optimize, self.other, self.repartition]  # fmt: skip
        self.chance.choice(kinds if self.rows else [self.insert, self.merge])()
        snapshot = table_of(self.client).current_snapshot()
        if snapshot is not None:
            self.states.append((snapshot.snapshot_id, [*self.rows]))

    def insert(self) -> None:
        new = [self._row() for _ in range(self.chance.randint(1, 4))]
        self._run(f"INSERT INTO t VALUES {', '.join(_written(row) for row in new)}")
        self.rows += new

    def update(self) -> None:
        (column, value), where = _assignment(self.chance), _predicate(self.chance)
        self._run(f"UPDATE t SET {column} = {value.sql} WHERE {where.sql}")
        before = self.rows
        self.rows = [
            row | {column: value.value(row, before)} if where.value(row, before) is True else row for row in before
        ]

    def delete(self) -> None:
        where = _predicate(self.chance)
        self._run(f"DELETE FROM t WHERE {where.sql}")
        before = self.rows
        self.rows = [row for row in before if where.value(row, before) is not True]

    def merge(self) -> None:
        ids = self.chance.sample(range(12), 4)
        source = {number: self.chance.choice([None, *range(6)]) for number in ids} | {99: 1}
        values = ", ".join(f"({number}, {'NULL' if n is None else n})" for number, n in source.items())
        least = self.chance.randint(0, 4)
        self._run(
            f"MERGE INTO t USING (VALUES {values}) AS s (id, n) ON t.id = s.id "
            "WHEN MATCHED AND s.n IS NULL THEN DELETE "
            f"WHEN MATCHED AND s.n > {least} THEN UPDATE SET n = s.n, v = coalesce(t.v, 'm') "
            f"WHEN NOT MATCHED AND s.n > {least} THEN INSERT (n, id) VALUES (s.n, s.id)"
        )
        there = {row["id"] for row in self.rows}
        kept = [row for row in self.rows if row["id"] not in source or source[row["id"]] is not None]
        self.rows = [
            row | {"n": source[row["id"]], "v": "m" if row["v"] is None else row["v"]}
            if _more(source.get(row["id"]), least)
            else row
            for row in kept
        ]
        self.rows += [
            {"id": number, "v": None, "n": n, "d": None}
            for number, n in source.items()
            if number not in there and _more(n, least)
        ]

    def optimize(self) -> None:
        few = self.chance.randint(1, 3)
        self._run(f"ALTER TABLE t SET TBLPROPERTIES ('optimize_rewrite_data_file_threshold'='{few}')")
        self._run("OPTIMIZE t REWRITE DATA USING BIN_PACK")

    def other(self) -> None:
        """PyIceberg appends rows, or rewrites files without some."""
        table = table_of(self.client)
        if self.chance.random() < 0.5:
            new = [self._row() for _ in range(2)]
            schema = pa.schema([("id", pa.int32()), ("v", pa.string()), ("n", pa.int64()), ("d", pa.string())])
            rows = pa.Table.from_pylist(new, schema)
            table.append(rows.set_column(3, "d", rows["d"].cast(pa.date32())))
            self.rows += new
        else:
            table.delete("id = 3 or id = 4") if any(row["id"] in (3, 4) for row in self.rows) else None
            self.rows = [row for row in self.rows if row["id"] not in (3, 4)]
        self.said.append("-- PyIceberg")

    def repartition(self) -> None:
        table = table_of(self.client)
        if any(field.source_id == table.schema().find_field("id").field_id for field in table.spec().fields):
            return  # PyIceberg writes no table with two partition fields of one column
        with table.update_spec() as spec:
            spec.add_identity("id")
        self.said.append("-- partitioned by id, too")

    def _row(self) -> Row:
        chance = self.chance
        return {
            "id": chance.randint(0, 12), "v": chance.choice(["a", "b", "c", "a b/é", None]),
            "n": chance.choice([None, *range(10)]), "d": chance.choice(_DAYS),
        }  # fmt: skip

    def _run(self, sql: str) -> None:
        self.said.append(sql)
        self.client.rows(sql)


def _written(row: Row) -> str:
    text = "NULL" if row["v"] is None else f"'{row['v']}'"
    day = "NULL" if row["d"] is None else f"DATE '{row['d']}'"
    return f"({row['id']}, {text}, {'NULL' if row['n'] is None else row['n']}, {day})"


def ordered(rows: list[Row]) -> list[tuple[str | None, ...]]:
    """Return rows as texts, sorted."""
    found = [tuple(None if row[name] is None else str(row[name]) for name in ("id", "v", "n", "d")) for row in rows]
    return sorted(found, key=str)
