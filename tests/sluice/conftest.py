from __future__ import annotations

from pathlib import Path

import pytest
from pyiceberg.catalog import Catalog

from tests.sluice.tables.lost_answers import LocalCatalog


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """Return an Iceberg catalog on this machine's disk."""
    found = LocalCatalog("local", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}/lake")
    for database in ("bronze", "silver", "gold", "quarantine"):
        found.create_namespace(database)
    return found
