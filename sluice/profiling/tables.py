"""Studies a table of the lake: its rows are read through the Glue catalog, and nothing of it is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyiceberg.exceptions import NoSuchIcebergTableError, NoSuchTableError

from sluice.errors import WrongArgument
from sluice.profiling.dialects import Dialect
from sluice.profiling.layouts import Layout
from sluice.profiling.spool import Spool
from sluice.profiling.studies import Study, study_spool
from sluice.tables.catalog import glue_catalog

#: Bytes of a table, as columns in memory, that are looked at.
_MOST_LOOKED_AT = 512 << 20


@contextmanager
def studied_table(database: str, name: str) -> Iterator[Study]:
    """Yield what is found of a table; ``WrongArgument`` when there is none, or it is no Iceberg table."""
    try:
        table = glue_catalog().load_table((database, name))
    except NoSuchIcebergTableError as error:
        raise WrongArgument(
            f"{database}.{name} is no Iceberg table; what is in it cannot be read here.",
            next_step=f"write it to a file: `sluice query 'SELECT * FROM {database}.{name}' --format csv > FILE`.",
            dataset=f"{database}.{name}",
        ) from error
    except NoSuchTableError as error:
        raise WrongArgument(
            f"There is no file or folder {database}.{name}, and no such table.",
            next_step="check the path; `sluice query 'SHOW TABLES IN bronze'` lists tables.",
            dataset=f"{database}.{name}",
        ) from error
    with Spool(dataset=f"{database}.{name}") as spool:
        seen, cut = 0, False
        for batch in table.scan().to_arrow_batch_reader():
            spool.add(dict(zip(batch.schema.names, batch.columns, strict=True)), batch.num_rows)
            seen += batch.nbytes
            if seen > _MOST_LOOKED_AT:
                cut = True
                break
        spool.flush()
        if not spool.rows:
            raise WrongArgument(
                f"{database}.{name} has no row.",
                next_step="name a table with rows, or a file.",
                dataset=f"{database}.{name}",
            )
        # The columns that say where a row came from are not the source's.
        headers = tuple(header for header in spool.names if not header.startswith("_"))
        yield study_spool(spool, Layout("parquet", Dialect(), headers), of=f"{database}.{name}", cut=cut)
