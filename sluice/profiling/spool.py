"""Keeps the records that are looked at as columns in a temporary folder, so that memory holds a part of them at a time.

A column of a text format is text, as it is written in the file; of JSON it is the value's JSON text.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sluice.confined import connect, literal
from sluice.errors import WrongArgument
from sluice.shortened import shortened

#: Rows of one part at most; parts are what is held in memory.
_MOST_ROWS = 1 << 17
_MOST_BYTES = 16 << 20
#: Parts that are open at a time.
_MOST_OPEN = 64
#: Memory of the engine that counts, in a setting of DuckDB; the rest it puts into the temporary folder.
_ENGINE_MEMORY = "384MB"

#: Folders are called so, and hold a file that their process locks, which its death, however sudden, unlocks.
_PREFIX, _LOCK = "sluice-profile-", "lock"
#: Seconds after which a folder whose process is gone is removed.
_ABANDONED = 600


@dataclass
class Refused:
    """Records that the reader refused: how many by reason, and some of them with the reason in words."""

    counts: Counter[str] = field(default_factory=Counter)
    some: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Return how many there are."""
        return sum(self.counts.values())


class Spool:
    """Columns in parts, each a Parquet file; a part lacks the columns that none of its records has."""

    def __init__(self, *, file: str | None = None, dataset: str | None = None) -> None:
        """Begin without records; they are those of ``file`` (a folder, perhaps) or of the table ``dataset``."""
        self._of = file, dataset
        _remove_abandoned()
        self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX)
        self._lock = (Path(self._folder.name) / _LOCK).open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.parts: list[Path] = []
        #: The columns' names, each with the one that it has in the parts: a name of a file may be any text.
        self.names: dict[str, str] = {}
        self.rows = 0
        self.refused = Refused()
        #: Of JSON: the kinds of each key's values.
        self.kinds: dict[str, set[str]] = {}
        self._engine: Any = None
        self._waiting: list[pa.Table] = []
        self._open: dict[Path, tuple[pq.ParquetFile, frozenset[str]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._engine is not None:
            self._engine.close()
        for file, _ in self._open.values():
            file.close(force=True)
        self._lock.close()
        self._folder.cleanup()

    def add(self, columns: dict[str, pa.Array], rows: int) -> None:
        """Add records, whose columns all have ``rows`` values."""
        for name in columns:
            self.names.setdefault(name, f"c{len(self.names)}")
        self.rows += rows
        if not rows or not columns:
            return
        table = pa.table({self.names[name]: values for name, values in columns.items()})
        if self._waiting and table.schema != self._waiting[0].schema:
            self.flush()
        self._waiting.append(table)
        if sum(t.num_rows for t in self._waiting) >= _MOST_ROWS or sum(t.nbytes for t in self._waiting) >= _MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits for a part to be full."""
        if not self._waiting:
            return
        path = Path(self._folder.name) / f"{len(self.parts):06}.parquet"
        pq.write_table(pa.concat_tables(self._waiting), path, compression="lz4", write_statistics=False)
        self.parts.append(path)
        self._waiting = []

    def values(self, name: str) -> Iterator[pa.Array]:
        """Yield a column in parts; records of a part that has no such column count as null."""
        stored = self.names.get(name, "")
        for path in self.parts:
            file, names = self._opened(path)
            if stored in names:
                yield file.read([stored]).column(0).combine_chunks()
            else:
                yield pa.nulls(file.metadata.num_rows, pa.string())

    def _opened(self, path: Path) -> tuple[pq.ParquetFile, frozenset[str]]:
        """Return a part and the columns that it has: opening it takes longer, the more columns it has."""
        found = self._open.pop(path, None)
        if found is None:
            file = pq.ParquetFile(path)
            found = file, frozenset(file.schema_arrow.names)
            if len(self._open) >= _MOST_OPEN:
                self._open.pop(next(iter(self._open)))[0].close(force=True)
        self._open[path] = found
        return found

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query whose ``{all}`` stands for all records; ``WrongArgument`` without room."""
        if self._engine is None:
            folder = Path(self._folder.name)
            settings: dict[str, str | bool] = {
                "memory_limit": _ENGINE_MEMORY,
                "threads": "2",
                "temp_directory": str(folder / "engine"),
                "preserve_insertion_order": "false",
            }
            self._engine = connect(settings=settings, readable=[str(folder)])
        files = ", ".join(literal(str(path)) for path in self.parts)
        try:
            found = self._engine.execute(sql.replace("{all}", f"read_parquet([{files}], union_by_name = true)"))
            return list(found.fetchall())
        except duckdb.Error as error:
            file, dataset = self._of
            raise WrongArgument(
                f"The values cannot be counted: {shortened(str(error))}.",
                safe="nothing was written.",
                next_step="name a smaller file, or one with fewer columns.",
                file=file,
                dataset=dataset,
            ) from error

    def column(self, name: str) -> str:
        """Return SQL for a column; for one that no record has, null."""
        return self.names.get(name, "CAST(NULL AS VARCHAR)")


def _remove_abandoned() -> None:
    """Remove the folders of processes that were killed, and could not do it."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Another's folder, or one that is gone by now, is none of ours.
        with suppress(OSError), (folder / _LOCK).open("rb+") as lock:
            if time.time() - folder.stat().st_mtime > _ABANDONED:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
