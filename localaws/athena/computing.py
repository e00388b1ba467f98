"""What the process of a query engine does: runs SQL on one confined DuckDB, each time with nothing of the time before.

It imports neither boto3 nor moto, so that a process is there soon and small.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.dataset  # DuckDB takes an Arrow data set only where this was imported

from localaws.athena import functions
from localaws.athena.confined import connect

#: A query must leave memory for other queries and for the functions that run at the same time.
MEMORY_LIMIT: Final = "2GB"
THREADS: Final = 2
#: Rows that are taken from DuckDB, and sent to who asked, at once.
_BATCH_ROWS: Final = 2048
#: Bytes of rows that are sent, or made texts of, at once: fewer rows where they are wide.
_BATCH_BYTES: Final = 4 << 20
#: DuckDB's classes of errors, and the same by what their texts begin with: "Out of Range Error: …".
_CLASSES: Final = {
    name: kind for name, kind in vars(duckdb).items() if isinstance(kind, type) and issubclass(kind, duckdb.Error)
}
_TOLD: Final = {name.removesuffix("Exception").lower(): kind for name, kind in _CLASSES.items()}
_BEGINS: Final = re.compile(r"([A-Za-z ]+) Error: ")


@dataclass(frozen=True)
class Relation:
    """A table that SQL reads: ``data`` is an Arrow table, data set, or the file of one, ``shown`` its projection."""

    name: str
    data: Any
    shown: str


@dataclass(frozen=True)
class Question:
    """SQL, the tables that it reads, and the time that the whole statement sees.

    ``rows`` is False where only the columns are asked for; ``explain`` are the options of an EXPLAIN of the SQL.
    """

    sql: str
    now: datetime
    relations: Sequence[Relation] = ()
    rows: bool = True
    explain: str = ""


@dataclass(frozen=True)
class Computed:
    """The answer: DuckDB's types of the columns, and the rows, which are computed as they are taken."""

    kinds: list[str]
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


class Computer:
    """One confined in-memory DuckDB; every question has a cursor of its own, with which all that it made goes."""

    def __init__(self, folder: Path) -> None:
        self._database = connect({"threads": THREADS, "memory_limit": MEMORY_LIMIT, "temp_directory": str(folder)})
        functions.register(self._database)
        self.connection = self._database.cursor()

    def compute(self, asked: Question) -> Computed:
        """Return the answer to a question; raise duckdb.Error, also while its rows are taken."""
        self._begin(asked)
        if asked.explain:
            found = self.connection.execute(f"EXPLAIN ({asked.explain}) {asked.sql}").fetchall()
            text = pa.table({"plan": pa.array([str(text) for _, text in found], pa.string())})
            return Computed(["VARCHAR"], text.schema, iter(text.to_batches()))
        relation = self.connection.sql(asked.sql)
        kinds = [str(kind) for kind in relation.types]
        reader = (relation if asked.rows else relation.limit(0)).to_arrow_reader(_BATCH_ROWS)
        return Computed(kinds, reader.schema, _streamed(reader))

    def kill(self) -> None:
        """Interrupt what is computed: a process would end."""
        self.connection.interrupt()

    def close(self) -> None:
        """Close DuckDB and free its memory."""
        self.connection.close()
        self._database.close()

    def _begin(self, asked: Question) -> None:
        """Forget the question before, and have DuckDB know the tables of this one."""
        self.connection.close()
        self.connection = self._database.cursor()
        self.connection.execute(functions.now(asked.now))
        for relation in asked.relations:
            name, data = f"{relation.name}_data", relation.data
            self.connection.register(name, _mapped(data) if isinstance(data, Path) else data)
            self.connection.execute(f"CREATE TEMP VIEW {relation.name} AS SELECT {relation.shown} FROM {name}")
        # Texts that come here were made of SELECTs alone, which make nothing; this is the wall behind that one.
        self.connection.execute("BEGIN TRANSACTION READ ONLY")


def _mapped(file: Path) -> pa.Table:
    """Return the table in a file, which takes memory only while it is read."""
    with pa.memory_map(str(file)) as source:
        return pa.ipc.open_file(source).read_all()


def _streamed(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield the batches; raise the error of DuckDB that Arrow passes on as an OSError with DuckDB's text."""
    try:
        for batch in reader:
            yield from sliced(batch)
    except (OSError, pa.ArrowException) as error:
        raise raised("", str(error)) from error


def sliced(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches of few bytes, or of one row."""
    rows = max(1, batch.num_rows * _BATCH_BYTES // max(1, batch.nbytes))
    if rows >= batch.num_rows:
        yield batch
        return
    for first in range(0, batch.num_rows, rows):
        piece = batch.slice(first, rows)
        yield from sliced(piece) if rows > 1 else [piece]


def raised(name: str, text: str) -> duckdb.Error:
    """Return DuckDB's error of that class; where that is none of DuckDB's, the one that its text begins with."""
    begins = _BEGINS.match(text)
    told = begins[1].replace(" ", "").lower() if begins else ""
    return (_CLASSES.get(name) or _TOLD.get(told) or duckdb.Error)(text)
