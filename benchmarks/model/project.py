"""The declared model (``benchmarks/declared``), and new lakes for it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from benchmarks.example import PROJECT
from benchmarks.lake import LocalSettings
from benchmarks.model.lakes import Files, ModelLake
from sluice.load import load_contracts
from sluice.project import Project
from sluice.tables.manage import ensure_tables
from sluice.transforms.compile import compile_project

#: What the model reads.
BRONZE = ("bronze.order_lines", "bronze.orders", "bronze.products")
_DECLARED = Path(__file__).resolve().parents[1] / "declared"
FUNCTIONS = _DECLARED / "glue_jobs"


@functools.cache
def declared() -> Project:
    """Return the contracts of the bronze tables, of the model's own, and its compiled transforms."""
    landing = [contract for contract in load_contracts([PROJECT.contracts]) if contract.table in BRONZE]
    return compile_project((*landing, *load_contracts([_DECLARED / "contracts"])), FUNCTIONS)


def create_lake(folder: Path, bronze: Files, *, glue: Mapping[str, str] | None = None, prefix: str = "") -> ModelLake:
    """Return a lake of empty tables below ``folder`` whose bronze ones hold the files ``bronze``, where those lie.

    The catalog is SQLite in that folder, or the one that ``glue`` names.
    """
    folder.mkdir(parents=True)
    own = {"type": "sql", "uri": f"sqlite:///{folder}/catalog.db", "warehouse": f"file://{folder}"}
    lake = ModelLake(glue or own, prefix)
    for database in ("bronze", "silver", "gold", "quarantine"):
        lake.catalog.create_namespace(f"{prefix}{database}", {"location": f"file://{folder}/{database}"})
    # Spark's catalog knows its files by address, Sluice's store of local files by path.
    place = f"{folder}/lake" if glue is None else f"file://{folder}/lake"
    ensure_tables(lake.catalog, declared(), LocalSettings(folder=place, database_prefix=prefix))
    lake.add(bronze)
    return lake
