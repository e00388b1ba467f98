"""The model's tables as a lake on this machine's disk; nothing else is imported, so a peer starts as a Lambda does."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.table import Table

from sluice.tables.commit import adopt_data_files, append

Files = Mapping[str, Sequence[Path]]


@dataclass(frozen=True)
class ModelLake:
    """The model's tables in one catalog; ``properties`` say which, so that another process can open it."""

    properties: Mapping[str, str]
    prefix: str = ""

    @functools.cached_property
    def catalog(self) -> Catalog:
        return load_catalog("model", **self.properties)

    def load(self, name: str) -> Table:
        database, _, table = name.partition(".")
        return self.catalog.load_table((f"{self.prefix}{database}", table))

    def add(self, bronze: Files) -> None:
        """Commit Parquet files to the bronze tables as large deliveries are: adopted, not copied.

        They are linked into the table's folder, since a refresh reads no file outside of it.
        """
        for name, files in bronze.items():
            table = self.load(name)
            folder = Path(table.location().removeprefix("file://")) / "data"
            folder.mkdir(parents=True, exist_ok=True)
            for file in map(Path, files):
                os.link(file, folder / file.name)
            adopted = adopt_data_files(table, [f"{table.location()}/data/{Path(file).name}" for file in files])
            append(table, adopted, summary={}, properties={})

    def files(self, name: str) -> list[Path]:
        """Return the Parquet files that a table consists of now."""
        tasks = self.load(name).scan().plan_files()
        return [Path(task.file.file_path.removeprefix("file://").removeprefix("file:")) for task in tasks]
