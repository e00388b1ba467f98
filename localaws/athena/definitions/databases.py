"""Databases: created, changed and dropped.

https://docs.aws.amazon.com/athena/latest/ug/create-database.html
"""

from __future__ import annotations

from typing import Any

from localaws.athena.definitions.place import Place, failed, is_view, not_done
from localaws.athena.leave import path_of
from localaws.athena.statements import kinds


def create(statement: kinds.CreateDatabase, place: Place) -> None:
    """Create a database."""
    place.leave.glue("CreateDatabase", statement.name)
    given: dict[str, Any] = {"Name": statement.name}
    if statement.location:
        path_of(statement.location)
        given["LocationUri"] = statement.location
    if statement.comment:
        given["Description"] = statement.comment
    if statement.properties:
        given["Parameters"] = statement.properties
    try:
        place.glue.create_database(DatabaseInput=given)
    except place.glue.exceptions.AlreadyExistsException:
        if not statement.exists_ok:
            not_done(f"Database {statement.name} already exists")


def drop(statement: kinds.DropDatabase, place: Place) -> None:
    """Drop a database that is empty, or with CASCADE all that is in it."""
    place.leave.glue("DeleteDatabase", statement.name)
    glue = place.glue
    try:
        glue.get_database(Name=statement.name)
    except glue.exceptions.EntityNotFoundException:
        if statement.exists_ok:
            return
        failed(f"SemanticException [Error 10072]: Database does not exist: {statement.name}")
    tables = place.catalog.tables(statement.name)
    if tables and not statement.cascade:
        not_done(
            f"InvalidOperationException(message:Database {statement.name} is not empty. One or more tables exist.)"
        )
    for table in tables:  # leave for all of them before the first is gone
        place.leave.glue("DeleteTable", statement.name, str(table["Name"]))
    for table in sorted(tables, key=is_view, reverse=True):
        glue.delete_table(DatabaseName=statement.name, Name=table["Name"])
    glue.delete_database(Name=statement.name)


def alter(statement: kinds.AlterDatabase, place: Place) -> None:
    """Add properties to a database."""
    place.leave.glue("UpdateDatabase", statement.name)
    try:
        found = place.glue.get_database(Name=statement.name)["Database"]
    except place.glue.exceptions.EntityNotFoundException:
        failed(f"SemanticException [Error 10072]: Database does not exist: {statement.name}")
    kept = {key: found[key] for key in ("Name", "Description", "LocationUri", "Parameters") if found.get(key)}
    kept["Parameters"] = {**kept.get("Parameters", {}), **statement.properties}
    place.glue.update_database(Name=statement.name, DatabaseInput=kept)
