"""ALTER TABLE: partitions and locations of Hive tables, columns and properties of all.

https://docs.aws.amazon.com/athena/latest/ug/alter-table-add-columns.html
"""

from __future__ import annotations

from typing import Any, Final

from localaws.athena.definitions import iceberg_tables, partitions, renaming
from localaws.athena.definitions.place import Place, failed, is_iceberg, table_input
from localaws.athena.definitions.tables import check_type, described
from localaws.athena.leave import path_of
from localaws.athena.statements import kinds
from localaws.athena.statements.kinds import Name

_OF_PARTITIONS: Final = (kinds.AddPartitions, kinds.DropPartitions, kinds.RenamePartition)


def alter(statement: kinds.AlterTable, place: Place) -> None:
    """Change a table."""
    name, table = place.table(statement.name)
    action = statement.action
    if isinstance(action, kinds.RenameTable):
        renaming.rename(name, table, action.after, place)
        return
    if is_iceberg(table):
        iceberg_tables.alter(action, name, place)
        return
    about_partitions = isinstance(action, _OF_PARTITIONS)
    about_partitions |= isinstance(action, kinds.SetLocation) and action.partition is not None
    if about_partitions and not table.get("PartitionKeys"):
        failed(f"SemanticException [Error 10101]: {name} is not a partitioned table")
    if isinstance(action, kinds.AddPartitions):
        partitions.add(action, name, table, place)
    elif isinstance(action, kinds.DropPartitions):
        partitions.drop(action, name, table, place)
    elif isinstance(action, kinds.RenamePartition):
        partitions.rename(action, name, table, place)
    elif isinstance(action, kinds.SetLocation) and action.partition is not None:
        partitions.move(action.partition, action.location, name, table, place)
    else:
        place.leave.glue("UpdateTable", name.database, name.name)
        place.glue.update_table(DatabaseName=name.database, TableInput=_changed(action, name, table))


def _changed(action: kinds.Action, name: Name, table: dict[str, Any]) -> dict[str, Any]:
    parameters, storage = dict(table.get("Parameters") or {}), dict(table["StorageDescriptor"])
    if isinstance(action, kinds.SetProperties):
        parameters |= action.properties
    elif isinstance(action, kinds.UnsetProperties):
        parameters = {key: value for key, value in parameters.items() if key not in action.names}
    elif isinstance(action, kinds.SetLocation):
        path_of(action.location)
        storage["Location"] = action.location
    else:
        storage["Columns"] = _columns(action, name, table)
    return table_input(table, Parameters=parameters, StorageDescriptor=storage)


def _columns(action: kinds.Action, name: Name, table: dict[str, Any]) -> list[dict[str, str]]:
    columns: list[dict[str, str]] = list(table["StorageDescriptor"].get("Columns") or [])
    names = [column["Name"].lower() for column in columns]
    keys = [key["Name"].lower() for key in table.get("PartitionKeys") or []]
    if isinstance(action, kinds.AddColumns | kinds.ReplaceColumns):
        for column in action.columns:
            check_type(column)
        found = [*(columns if isinstance(action, kinds.AddColumns) else []), *described(action.columns)]
    elif isinstance(action, kinds.ChangeColumn):
        if action.before not in names:
            failed(f"SemanticException [Error 10002]: Invalid column reference {action.before}")
        check_type(action.column)
        at = names.index(action.before)
        found = [*columns[:at], *columns[at + 1 :]]
        if action.after is None:
            place = at
        elif action.after == "":
            place = 0
        else:
            others = [column["Name"].lower() for column in found]
            if action.after not in others:
                failed(f"SemanticException [Error 10002]: Invalid column reference {action.after}")
            place = others.index(action.after) + 1
        found.insert(place, *described((action.column,)))
    else:
        failed(f"SemanticException {type(action).__name__} is for Iceberg tables alone; {name} is none")
    new = [column["Name"].lower() for column in found] + keys
    twice = next((each for each in new if new.count(each) > 1), None)
    if twice is not None:
        failed(f"SemanticException [Error 10036]: Duplicate column name: {twice}")
    return found
