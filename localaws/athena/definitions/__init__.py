"""Runs the statements that define databases, tables, partitions and views in the Glue catalog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from localaws.athena.definitions import altering, databases, partitions, tables, views
from localaws.athena.definitions.place import Place
from localaws.athena.statements import kinds

__all__ = ["DEFINITIONS", "Place", "define"]

_ACTS: Final[dict[type, Callable[[Any, Place], None]]] = {
    kinds.CreateDatabase: databases.create,
    kinds.DropDatabase: databases.drop,
    kinds.AlterDatabase: databases.alter,
    kinds.CreateTable: tables.create,
    kinds.DropTable: tables.drop,
    kinds.AlterTable: altering.alter,
    kinds.RepairTable: partitions.repair,
    kinds.CreateView: views.create,
    kinds.DropView: views.drop,
}
#: The kinds of statements that ``define`` runs.
DEFINITIONS: Final = tuple(_ACTS)


def define(statement: kinds.Statement, place: Place) -> None:
    """Run a statement of one of ``DEFINITIONS``; raise QueryFailed where it cannot be, and then nothing changed."""
    _ACTS[type(statement)](statement, place)
