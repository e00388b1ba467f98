"""ALTER TABLE … RENAME TO: an Iceberg table under another name, in the same database or another.

Its files stay where they are. A Hive table's location goes by its name, and Athena renames none:
https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-alter-table-rename.html
"""

from __future__ import annotations

from typing import Any

from localaws.athena.definitions.place import Place, failed, is_iceberg, not_done, table_input
from localaws.athena.statements.kinds import Name


def rename(name: Name, table: dict[str, Any], after: Name, place: Place) -> None:
    """Give an Iceberg table another name; raise QueryFailed where there is one of that name, and for a Hive table."""
    if not is_iceberg(table):
        failed(f"SemanticException RENAME TO is for Iceberg tables alone; {name} is none")
    new = place.name(Name(after.name, after.database or name.database))
    place.leave.glue("CreateTable", new.database, new.name)
    place.leave.glue("DeleteTable", name.database, name.name)
    place.unstopped()
    try:
        place.glue.create_table(DatabaseName=new.database, TableInput=table_input(table, Name=new.name))
    except place.glue.exceptions.AlreadyExistsException:
        not_done(f"AlreadyExistsException(message:Table {new.name} already exists)")
    try:
        now = place.found(name)
        if now is None or now["Parameters"]["metadata_location"] != table["Parameters"]["metadata_location"]:
            not_done(f"ConcurrentModificationException(message:Table {name} was changed meanwhile; it keeps its name)")
        place.glue.delete_table(DatabaseName=name.database, Name=name.name)
    except BaseException:
        if place.found(name) is not None:
            place.glue.delete_table(DatabaseName=new.database, Name=new.name)
        raise
