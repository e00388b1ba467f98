"""Where a large file's rows are written: straight into the folder of its table's data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contracts import Contract
from sluice.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa


def data_folder(settings: Settings, contract: Contract) -> tuple[str, pa.Schema]:
    """Return where the dataset's table keeps its data, and its Arrow schema with field ids."""
    # Few files need it, and every cold function would pay for the import.
    from sluice.tables.catalog import glue_catalog
    from sluice.tables.schema import arrow_with_field_ids

    table = glue_catalog().load_table((settings.database(contract.database), contract.name))
    return f"{table.location()}/data/", arrow_with_field_ids(table.schema())
