"""A lake on this machine's disk: the product's own tables, staging and commits without AWS."""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from sluice.ingestion.commit import Lake, drain
from sluice.ingestion.ingest import stage_source
from sluice.ingestion.source import ByteSource, BytesSpool
from sluice.ingestion.stage import UnitWriter
from sluice.ledger import Delivery
from sluice.load import load_project
from sluice.project import Project
from sluice.settings import Settings
from sluice.storage import LocalStore
from sluice.tables.manage import ensure_tables
from sluice.tables.schema import arrow_with_field_ids


class LocalSettings(Settings, frozen=True):
    """Settings whose lake is a folder."""

    folder: str = ""

    @property
    def lake(self) -> str:
        return self.folder


class LocalLake:
    """The project's tables under one folder."""

    def __init__(self, folder: Path, contracts: Path) -> None:
        folder.mkdir(parents=True)
        self.project: Project = load_project([contracts])
        self.settings = LocalSettings(folder=str(folder / "lake"))
        catalog = SqlCatalog("bench", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/lake")
        for database in ("bronze", "silver", "gold", "quarantine"):
            catalog.create_namespace(database)
        ensure_tables(catalog, self.project, self.settings)
        self.lake = Lake(catalog, LocalStore(), self.settings)
        self.deliveries: list[Delivery] = []

    def load(self, name: str) -> Table:
        database, _, table = name.partition(".")
        return self.lake.table(database, table)

    def ingest(self, dataset: str, file: Path) -> None:
        """Stage a file as a large one, adopted where the table keeps its data, and commit it."""
        contract = self.project.landing(dataset)
        assert contract is not None
        table = self.load(contract.table)
        writer = UnitWriter(
            contract,
            self.lake.store,
            self.settings.lake,
            now=datetime(2026, 1, 1),
            data_folder=f"{self.settings.lake}/bronze/{dataset}/data/",
            data_schema=arrow_with_field_ids(table.schema()),
        )
        size = file.stat().st_size
        stage_source(_source(file, size), contract, writer.delivery(str(file), str(file), version_id="", size=size))
        writer.finish()
        drain(contract, self.lake, record=self._record, announce=lambda changed: None)

    def _record(self, deliveries: Iterable[Delivery]) -> None:
        self.deliveries += deliveries


def _source(file: Path, size: int) -> ByteSource:
    def opened() -> io.BufferedReader:
        return file.open("rb")

    return ByteSource(str(file), size, "auto", opened, opened, lambda _: nullcontext(BytesSpool()))
