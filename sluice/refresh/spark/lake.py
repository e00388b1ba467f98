"""Reads the lake's Iceberg tables on Spark: snapshots, the rows of one, and the changes between two."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from sluice.refresh.strategy import Change
from sluice.tables.upkeep import EMPTY, RETIRED_BEFORE, RETIRED_ROWS

MAIN = "main"
#: Columns that Iceberg adds to a table's changelog: https://iceberg.apache.org/docs/latest/spark-procedures/#create_changelog_view
_OF_CHANGES = ("_change_type", "_change_ordinal", "_commit_snapshot_id")
_TIMES, _PASSED = "_sluice_times", "_sluice_passed"


@dataclass(frozen=True)
class Head:
    """A table's metadata at one moment: the snapshot of ``main``, those of other ``branches`` by name.

    ``parents``, ``summaries`` and ``committed`` (seconds since the epoch) are by snapshot id; the oldest snapshot has
    an empty parent. Branches and tags refer to the snapshots in ``referred``. ``retired_rows`` counts what retention
    has removed so far.
    """

    main: str
    branches: Mapping[str, str]
    parents: Mapping[str, str]
    summaries: Mapping[str, Mapping[str, str]]
    committed: Mapping[str, float]
    referred: frozenset[str]
    retired_rows: int = 0

    def delete_files(self, snapshot: str) -> int:
        """Return how many delete files a snapshot has, as its summary says; 0 when that does not say it."""
        return int(self.summaries[snapshot].get("total-delete-files", "0"))

    def ancestors(self, snapshot: str) -> Iterator[str]:
        """Yield ``snapshot`` and its ancestors, newest first, as far as they have not expired."""
        place = snapshot
        while place in self.parents:
            yield place
            place = self.parents[place]


@dataclass(frozen=True)
class Difference:
    """What changed from the snapshot ``before`` to ``now``; ``retirements`` are the snapshots that retention made."""

    before: str
    now: str
    change: Change
    retirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lake:
    """The Iceberg catalog named ``lake`` in a Spark session; ``prefix`` begins the names of its databases."""

    spark: SparkSession
    prefix: str = ""

    def name(self, table: str, part: str = "") -> str:
        """Return ``database.table`` (or one of its metadata tables or branches) as Spark's SQL names it."""
        database, _, plain = table.partition(".")
        names = (f"{self.prefix}{database}", plain, *([part] if part else []))
        return ".".join(("lake", *(f"`{name}`" for name in names)))

    def head(self, table: str) -> Head:
        """Return the table's metadata as it is now."""
        # Iceberg's own classes: its metadata tables would take two Spark jobs, ten times as long, and tell two moments.
        jvm: Any = self.spark._jvm
        current = self._java(table).operations().current()
        told = json.loads(jvm.org.apache.iceberg.TableMetadataParser.toJson(current))
        refs, snapshots = told.get("refs", {}), told.get("snapshots", [])
        branches = {name: str(ref["snapshot-id"]) for name, ref in refs.items() if ref["type"] == "branch"}
        return Head(
            branches.pop(MAIN, EMPTY),
            branches,
            {str(each["snapshot-id"]): str(each.get("parent-snapshot-id", "")) for each in snapshots},
            {str(each["snapshot-id"]): each.get("summary", {}) for each in snapshots},
            {str(each["snapshot-id"]): each["timestamp-ms"] / 1000 for each in snapshots},
            frozenset(str(ref["snapshot-id"]) for ref in refs.values()),
            int(told.get("properties", {}).get(RETIRED_ROWS, "0")),
        )

    def rows(self, table: str, snapshot: str) -> DataFrame:
        """Return the table's rows at ``snapshot`` with the table's present columns; columns added since are null."""
        present = self.spark.table(self.name(table))
        if snapshot == EMPTY:
            return present.where(F.lit(False))
        then = self.spark.read.option("snapshot-id", snapshot).table(self.name(table))
        if then.schema == present.schema:
            return then
        known = set(then.columns)
        return then.select(
            *(
                (F.col(field.name) if field.name in known else F.lit(None)).cast(field.dataType).alias(field.name)
                for field in present.schema.fields
            )
        )

    def difference(self, table: str, before: str, now: str) -> Difference | None:
        """Return what changed from the snapshot ``before`` to ``now``.

        Return None when that is not known: ``before`` has expired or is no ancestor of ``now``, or a snapshot from one
        to the other has delete files.
        """
        if before == now:
            return Difference(before, now, Change())
        head = self.head(table)
        later = list(head.ancestors(now))
        if before != EMPTY and before not in later:
            return None
        # A changelog has no rows for a snapshot with delete files, even when a later one has none any more:
        # https://iceberg.apache.org/docs/latest/spark-procedures/#create_changelog_view
        between = later[: later.index(before) + 1] if before != EMPTY else later
        if any(head.delete_files(snapshot) for snapshot in between):
            return None
        retirements = tuple(each for each in between if RETIRED_BEFORE in head.summaries[each] and each != before)
        retired = self._removed_by(table, retirements)
        files = self._files(table, before).alias("before").join(self._files(table, now).alias("now"), "path", "full")
        added, gone = F.col("before.size").isNull(), F.col("now.size").isNull()
        by_retention = F.col("path").isin(retired)
        removed = gone & ~by_retention
        size = F.coalesce("now.size", "before.size")
        found = files.agg(
            F.count(F.when(added, 1)).alias("added"),
            F.count(F.when(removed, 1)).alias("removed"),
            F.count(F.when(gone & by_retention, 1)).alias("retired"),
            F.coalesce(F.sum(F.when(added | removed, size)), F.lit(0)).alias("changed"),
            F.coalesce(F.sum("now.size"), F.lit(0)).alias("whole"),
            F.coalesce(F.sum("now.rows"), F.lit(0)).alias("rows"),
        ).collect()[0]
        # Files that came and that retention removed again: rows of a removed file may have moved to them.
        passed = len(retired) - found["retired"] if found["removed"] else 0
        change = Change(found["added"] + passed, *(found[name] for name in ("removed", "changed", "whole", "rows")))
        return Difference(before, now, change, retirements)

    def has_deletes(self, table: str, snapshot: str) -> bool:
        """Return whether ``snapshot`` has row-level deletes."""
        if snapshot == EMPTY or not self.head(table).delete_files(snapshot):
            return False
        # A delete file may be left of which no data file is. What is deleted, a scan knows.
        tasks = self._java(table).newScan().useSnapshot(int(snapshot)).planFiles().iterator()
        while tasks.hasNext():
            if not tasks.next().deletes().isEmpty():
                return True
        return False

    def added(self, table: str, before: str, now: str) -> DataFrame:
        """Return the rows of the files added after ``before`` up to ``now``, including rows copied from other files."""
        # lower() keeps Spark from pushing the filter down: Iceberg 1.10 looks for _change_type among the data's columns
        # and fails, see https://github.com/apache/iceberg/issues/13092
        return self._log(table, before, now).where("lower(_change_type) = 'insert'").drop(*_OF_CHANGES)

    def changed_rows(self, table: str, difference: Difference) -> DataFrame:
        """Return the distinct rows that were added or removed; rows moved between files are left out."""
        if difference.before == EMPTY:
            return self.rows(table, difference.now)
        return self._net(table, difference).drop(_TIMES)

    def added_rows(self, table: str, difference: Difference) -> DataFrame:
        """Return the added rows, each as often as it was added; rows moved between files are left out."""
        if difference.before == EMPTY:
            return self.rows(table, difference.now)
        net = self._net(table, difference).where(F.col(_TIMES) > 0)
        return net.withColumn(_TIMES, F.explode(F.sequence(F.lit(1), F.col(_TIMES).cast("int")))).drop(_TIMES)

    def _net(self, table: str, difference: Difference) -> DataFrame:
        """Return each row whose number of occurrences changed, with the difference in the column ``_TIMES``.

        What retention removed is left out, be it a row that was there before or one that came meanwhile.
        """
        if not difference.change.changed:
            return self.rows(table, EMPTY).withColumn(_TIMES, F.lit(0))
        log = self._log(table, difference.before, difference.now)
        own = [name for name in log.columns if name not in _OF_CHANGES]
        # Iceberg 1.10 fills its three columns in from the first on, whichever of them are read: all or the first alone.
        # https://github.com/apache/iceberg/blob/main/spark/v3.5/spark/src/main/java/org/apache/iceberg/spark/source/ChangelogRowReader.java
        ordinal, snapshot = F.col("_change_ordinal"), F.col("_commit_snapshot_id")
        by_retention = (ordinal >= 0) & snapshot.isin([int(each) for each in difference.retirements])
        once = F.when(by_retention, 0).when(F.col("_change_type") == "INSERT", 1).otherwise(-1)
        net = log.groupBy(*own).agg(
            F.sum(once).alias(_TIMES), F.sum(F.when(by_retention, 1).otherwise(0)).alias(_PASSED)
        )
        return net.where((F.col(_TIMES) < 0) | (F.col(_TIMES) > F.col(_PASSED))).drop(_PASSED)

    def _log(self, table: str, before: str, now: str) -> DataFrame:
        reader = self.spark.read.option("start-snapshot-id", before).option("end-snapshot-id", now)
        return reader.table(self.name(table, "changes"))

    def _removed_by(self, table: str, snapshots: tuple[str, ...]) -> list[str]:
        """Return the paths of the data files that ``snapshots`` removed."""
        if not snapshots:
            return []
        found, read = self._java(table), list[str]()
        for snapshot in snapshots:
            files = found.snapshot(int(snapshot)).removedDataFiles(found.io()).iterator()
            while files.hasNext():
                read.append(str(files.next().location()))
        return read

    def _java(self, table: str) -> Any:
        """Return the table as Iceberg's Java library has it."""
        jvm: Any = self.spark._jvm
        return jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(self.spark._jsparkSession, self.name(table))

    def _files(self, table: str, snapshot: str) -> DataFrame:
        files = self.name(table, "files")
        read = (
            self.spark.table(files).where(F.lit(False))
            if snapshot == EMPTY
            else self.spark.read.option("snapshot-id", snapshot).table(files)
        )
        return read.where("content = 0").select(
            F.col("file_path").alias("path"),
            F.col("file_size_in_bytes").alias("size"),
            F.col("record_count").alias("rows"),
        )
