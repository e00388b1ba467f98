"""Writes to an Iceberg branch of a table, which readers do not see, and publishes it once it passed its audit.

Publishing fast-forwards ``main`` to the branch, which Iceberg allows only while ``main`` is the snapshot that the
branch was made from. When another writer was faster, ``CommitConflict`` is raised and the caller starts over.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from uuid import uuid4

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.errors import CommitConflict
from sluice.refresh.spark.lake import MAIN, Head, Lake
from sluice.tables.upkeep import EMPTY

log = logging.getLogger(__name__)
_PREFIX = "sluice-"
_GONE = "_sluice_gone"
_FASTER = "org.apache.iceberg.exceptions.CommitFailedException"
#: How Iceberg's errors begin when main has moved on from the branch's beginning, or a later run removed the branch.
_OVERTAKEN = (
    "Cannot fast-forward",
    "Ref does not exist",
    "Branch does not exist",
    "Cannot use branch (does not exist)",
)


class Branch:
    """A branch of ``table`` for one run of the table ``maker``; ``at`` is the snapshot of main that it starts from."""

    def __init__(self, lake: Lake, table: str, *, maker: str, at: str) -> None:
        self._lake, self.table, self.at = lake, table, at
        self.name = f"{prefix_of(maker)}{uuid4().hex[:12]}"
        self._spark, self._main = lake.spark, lake.name(table)
        self.address = lake.name(table, f"branch_{self.name}")
        begin = f" AS OF VERSION {at}" if at != EMPTY else ""
        with conflicts(table):
            self._spark.sql(f"ALTER TABLE {self._main} CREATE BRANCH `{self.name}`{begin}")
        self._commits = 0
        now = lake.head(table)
        self._begun = now.branches.get(self.name)
        if at == EMPTY and now.main != EMPTY:
            self.drop()
            raise _conflict(table, "it has its first snapshot")

    def head(self) -> tuple[str, Mapping[str, str]]:
        """Return the branch's snapshot id and its summary; ``CommitConflict`` when a later run removed the branch."""
        now = self._lake.head(self.table)
        snapshot = now.branches.get(self.name, EMPTY)
        made_from = next(islice(now.ancestors(snapshot), self._commits, None), None)
        # Iceberg recreates a branch that was removed while it is written to, starting from main as it is by then.
        if made_from is None or made_from != self._begun:
            raise _conflict(self.table, "a later run removed this one's branch")
        return snapshot, now.summaries[snapshot]

    def rows(self) -> DataFrame:
        """Return the rows of the branch: the table's rows as they would be after publishing."""
        return self._spark.table(self.address)

    def replace(self, rows: DataFrame) -> None:
        """Replace all rows of the branch by ``rows``."""
        # Not with overwritePartitions: a partition that the result no longer has would keep its rows.
        with self._commit():
            rows.writeTo(self.address).overwrite(F.lit(True))

    def append(self, rows: DataFrame, summary: Mapping[str, str] | None = None) -> None:
        """Append ``rows`` in a commit whose snapshot summary has the entries of ``summary``."""
        writer = rows.writeTo(self.address)
        for key, value in (summary or {}).items():
            writer = writer.option(f"snapshot-property.{key}", value)
        with self._commit():
            writer.append()

    def merge(self, affected: DataFrame, rows: DataFrame, recompute_key: Sequence[str]) -> None:
        """Replace the rows of the affected keys by ``rows``, in one commit.

        ``affected`` holds the affected values of ``recompute_key``. The MERGE's source has rows that only delete
        (from ``affected``) and rows that only insert (from ``rows``, which match nothing). Files without a deleted row
        stay as they are.
        """
        columns = rows.columns
        removing = affected.select(
            F.lit(True).alias(_GONE),
            *(F.col(name).alias(_key(place)) for place, name in enumerate(recompute_key)),
            *(F.lit(None).alias(name) for name in columns),
        )
        adding = rows.select(
            F.lit(False).alias(_GONE),
            *(F.lit(None).alias(_key(place)) for place, _ in enumerate(recompute_key)),
            *columns,
        )
        view = f"sluice_{uuid4().hex}"
        removing.unionByName(adding).createOrReplaceTempView(view)
        same = " AND ".join(f"t.`{name}` <=> s.`{_key(place)}`" for place, name in enumerate(recompute_key))
        listed = ", ".join(f"`{name}`" for name in columns)
        values = ", ".join(f"s.`{name}`" for name in columns)
        with self._commit(), self._dropped(view):
            self._spark.sql(
                f"MERGE INTO {self.address} t USING {view} s ON s.{_GONE} AND {same} WHEN MATCHED THEN DELETE "
                f"WHEN NOT MATCHED AND NOT s.{_GONE} THEN INSERT ({listed}) VALUES ({values})"
            )

    def stamp(self, summary: Mapping[str, str]) -> None:
        """Add an empty commit that carries ``summary``, since commits made by SQL statements cannot carry one."""
        self.append(self.rows().limit(0), summary)

    def publish(self) -> str:
        """Fast-forward main to the branch and return its snapshot; ``CommitConflict`` when main has moved on."""
        snapshot, _ = self.head()
        table = self._main.removeprefix("lake.")
        with conflicts(self.table):
            self._spark.sql(
                f"CALL lake.system.fast_forward(table => '{table}', branch => '{MAIN}', to => '{self.name}')"
            )
        return snapshot

    def drop(self) -> None:
        """Remove the branch; if another writer is faster, the table's next run removes it."""
        drop_branches(self._lake, self.table, (self.name,))

    @contextlib.contextmanager
    def _commit(self) -> Iterator[None]:
        with conflicts(self.table):
            yield
        self._commits += 1

    @contextlib.contextmanager
    def _dropped(self, view: str) -> Iterator[None]:
        try:
            yield
        finally:
            self._spark.catalog.dropTempView(view)


def prefix_of(maker: str) -> str:
    """Return the beginning of the names of all branches that runs of the table ``maker`` create."""
    return f"{_PREFIX}{maker.replace('.', '-')}-"


def drop_leftovers(lake: Lake, table: str, head: Head, *, maker: str) -> None:
    """Remove the branches that killed runs of the table ``maker`` left in ``table``."""
    drop_branches(lake, table, tuple(name for name in head.branches if name.startswith(prefix_of(maker))))


def drop_branches(lake: Lake, table: str, names: Sequence[str]) -> None:
    """Remove branches; one whose removal loses to another writer's commit stays for now, where no reader sees it."""
    for name in names:
        try:
            with conflicts(table):
                lake.spark.sql(f"ALTER TABLE {lake.name(table)} DROP BRANCH IF EXISTS `{name}`")
        except CommitConflict as conflict:
            log.info("%s stays until the next run: %s", name, conflict)


@contextlib.contextmanager
def conflicts(table: str) -> Iterator[None]:
    """Turn Iceberg's errors about a faster writer into ``CommitConflict``."""
    try:
        yield
    except Exception as error:
        said = list(_said(error))
        if any(kind == _FASTER for kind, _ in said) or any(text.startswith(_OVERTAKEN) for _, text in said):
            raise _conflict(table, said[-1][1]) from error
        raise


def _said(error: Exception) -> Iterator[tuple[str, str]]:
    """Yield class name and message of a Java exception and of each of its causes; nothing for a Python exception."""
    # Py4J's own exceptions have java_exception; those that PySpark converts to its own classes have _origin.
    cause = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    while cause is not None:
        yield cause.getClass().getName(), cause.getMessage() or ""
        cause = cause.getCause()


def _conflict(table: str, why: str) -> CommitConflict:
    return CommitConflict(f"{table}: another writer committed first ({why}).", dataset=table)


def _key(place: int) -> str:
    return f"_sluice_by_{place}"
