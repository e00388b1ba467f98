"""Writes beside what readers see: to a branch of the table, which becomes its main line when it was found good.

Publishing moves main to the branch only if main is still what the branch was made from. Each change asserts the very
metadata it was made from; when another writer was faster, ``CommitConflict`` says so and the caller looks again.
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
from sluice.spark.lake import EMPTY, MAIN, Head, Lake

log = logging.getLogger(__name__)
_PREFIX = "sluice-"
_GONE = "_sluice_gone"
_FASTER = "org.apache.iceberg.exceptions.CommitFailedException"
#: What publishing says of a branch that main has left behind, or that a later run removed.
_OVERTAKEN = (
    "Cannot fast-forward",
    "Ref does not exist",
    "Branch does not exist",
    "Cannot use branch (does not exist)",
)


class Branch:
    """A branch of ``table`` for one attempt to make ``maker``; ``at`` is the snapshot of main that it begins with."""

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
        """Return the branch's snapshot and what that says of its making."""
        now = self._lake.head(self.table)
        snapshot = now.branches.get(self.name, EMPTY)
        made_from = next(islice(now.ancestors(snapshot), self._commits, None), None)
        # A branch that is removed while it is written to begins anew with that commit, from whatever main is by then.
        if made_from is None or made_from != self._begun:
            raise _conflict(self.table, "a later run removed this one's branch")
        return snapshot, now.summaries[snapshot]

    def rows(self) -> DataFrame:
        """Return the table's rows as they will be."""
        return self._spark.table(self.address)

    def replace(self, rows: DataFrame) -> None:
        """Put ``rows`` in the place of all."""
        # Not by partitions: one that the result no longer has would keep its rows.
        with self._commit():
            rows.writeTo(self.address).overwrite(F.lit(True))

    def append(self, rows: DataFrame, summary: Mapping[str, str] | None = None) -> None:
        """Add ``rows``; the commit carries ``summary``."""
        writer = rows.writeTo(self.address)
        for key, value in (summary or {}).items():
            writer = writer.option(f"snapshot-property.{key}", value)
        with self._commit():
            writer.append()

    def merge(self, affected: DataFrame, rows: DataFrame, by: Sequence[str]) -> None:
        """Put ``rows`` in the place of those whose values of ``by`` are among ``affected``, in one commit.

        A row of ``affected`` only removes, one of ``rows`` only adds: it must not meet what is there. Files that hold
        no removed row stay as they are.
        """
        columns = rows.columns
        removing = affected.select(
            F.lit(True).alias(_GONE),
            *(F.col(name).alias(_key(place)) for place, name in enumerate(by)),
            *(F.lit(None).alias(name) for name in columns),
        )
        adding = rows.select(
            F.lit(False).alias(_GONE), *(F.lit(None).alias(_key(place)) for place, _ in enumerate(by)), *columns
        )
        view = f"sluice_{uuid4().hex}"
        removing.unionByName(adding).createOrReplaceTempView(view)
        same = " AND ".join(f"t.`{name}` <=> s.`{_key(place)}`" for place, name in enumerate(by))
        listed = ", ".join(f"`{name}`" for name in columns)
        values = ", ".join(f"s.`{name}`" for name in columns)
        with self._commit(), self._dropped(view):
            self._spark.sql(
                f"MERGE INTO {self.address} t USING {view} s ON s.{_GONE} AND {same} WHEN MATCHED THEN DELETE "
                f"WHEN NOT MATCHED AND NOT s.{_GONE} THEN INSERT ({listed}) VALUES ({values})"
            )

    def stamp(self, summary: Mapping[str, str]) -> None:
        """Add a commit without rows that says how the one before was made: SQL's own commits carry no properties."""
        self.append(self.rows().limit(0), summary)

    def publish(self) -> str:
        """Make main what the branch is, if main is still what the branch was made from; return the snapshot."""
        snapshot, _ = self.head()
        table = self._main.removeprefix("lake.")
        with conflicts(self.table):
            self._spark.sql(
                f"CALL lake.system.fast_forward(table => '{table}', branch => '{MAIN}', to => '{self.name}')"
            )
        return snapshot

    def drop(self) -> None:
        """Remove the branch; when another writer is faster, it is left for the table's next run to remove."""
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
    """Return what the branches' names begin with that runs of the table ``maker`` make, and no other's."""
    return f"{_PREFIX}{maker.replace('.', '-')}-"


def drop_leftovers(lake: Lake, table: str, head: Head, *, maker: str) -> None:
    """Remove the branches that killed runs of ``maker`` left behind."""
    drop_branches(lake, table, tuple(name for name in head.branches if name.startswith(prefix_of(maker))))


def drop_branches(lake: Lake, table: str, names: Sequence[str]) -> None:
    """Remove branches; one that another writer's commit keeps from it stays: no reader looks there."""
    for name in names:
        try:
            with conflicts(table):
                lake.spark.sql(f"ALTER TABLE {lake.name(table)} DROP BRANCH IF EXISTS `{name}`")
        except CommitConflict as conflict:
            log.info("%s stays until the next run: %s", name, conflict)


@contextlib.contextmanager
def conflicts(table: str) -> Iterator[None]:
    """Raise ``CommitConflict`` for what Iceberg says when another writer was faster."""
    try:
        yield
    except Exception as error:
        said = list(_said(error))
        if any(kind == _FASTER for kind, _ in said) or any(text.startswith(_OVERTAKEN) for _, text in said):
            raise _conflict(table, said[-1][1]) from error
        raise


def _said(error: Exception) -> Iterator[tuple[str, str]]:
    """Yield class and message of a Java exception and of each that caused it; nothing for an error of Python's own."""
    # The first is of those that PySpark hands on as they are, the second of those that it has a class for.
    cause = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    while cause is not None:
        yield cause.getClass().getName(), cause.getMessage() or ""
        cause = cause.getCause()


def _conflict(table: str, why: str) -> CommitConflict:
    return CommitConflict(
        f"{table}: another writer committed first ({why}).",
        safe="nothing of this commit is visible.",
        next_step="look again and commit anew; this happens by itself.",
    )


def _key(place: int) -> str:
    return f"_sluice_by_{place}"
