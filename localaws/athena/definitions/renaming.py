"""ALTER TABLE … RENAME TO: an Iceberg table under another name, in the same database or another.

Its files stay where they are. A Hive table's location goes by its name, and Athena renames none:
https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-alter-table-rename.html
"""

from __future__ import annotations

from typing import Any

from moto.glue.exceptions import TableAlreadyExistsException, TableNotFoundException
from moto.glue.models import glue_backends

from localaws.athena.definitions.place import Place, failed, is_iceberg, not_done
from localaws.athena.statements.kinds import Name


def rename(name: Name, table: dict[str, Any], after: Name, place: Place) -> None:
    """Give an Iceberg table another name; raise QueryFailed where there is one of that name, and for a Hive table."""
    if not is_iceberg(table):
        failed(f"SemanticException RENAME TO is for Iceberg tables alone; {name} is none")
    new = place.name(Name(after.name, after.database or name.database))
    place.leave.glue("CreateTable", new.database, new.name)
    place.leave.glue("DeleteTable", name.database, name.name)
    place.unstopped()
    backend: Any = glue_backends[place.ctx.account][place.ctx.region]
    try:
        backend.rename_table((name.database, name.name), (new.database, new.name))
    except TableAlreadyExistsException:
        not_done(f"AlreadyExistsException(message:Table {new.name} already exists)")
    except TableNotFoundException:
        failed(f"SemanticException [Error 10001]: Table not found {name}")
