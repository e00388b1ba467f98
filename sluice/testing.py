"""What tests of a project need: a transform run on DuckDB, from rows to rows, with no deployment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from sluice.confined import connect, quoted
from sluice.contracts import Contract
from sluice.contracts.values.convert import arrow_type
from sluice.errors import CommandError
from sluice.folders import needed_project
from sluice.load import load_project
from sluice.once import once
from sluice.project import Project
from sluice.shortened import shortened
from sluice.tables.arrow import data_arrow

__all__ = ["run_transform"]

#: A row, by column.
_Row = Mapping[str, Any]


def run_transform(table: str, /, **inputs: Sequence[_Row]) -> list[dict[str, Any]]:
    """Return the rows that the present project's transform makes of ``inputs``, ordered by the table's key.

    Inputs are named as the function's parameters; one that is not given has no rows, a column that is not given is
    null. The project is compiled with the first call of a process, which takes a second or two; a call takes
    milliseconds. Raise ``CommandError`` for a name that is not there, ``TransformError`` and ``ContractError`` as
    `sluice check` does.
    """
    project = _compiled(needed_project().contracts)
    made = {transform.table: transform for transform in project.transforms}
    if table not in made:
        raise _not_there(f"There is no derived table {table}", made, table)
    transform = made[table]
    if not transform.sql:
        raise CommandError(
            f"{table} runs on Spark alone: it declares engine={transform.engine!r}.",
            next_step="test it on a local AWS, with `sluice up`.",
            value=table,
        )
    for name in inputs:
        if name not in transform.inputs:
            raise _not_there(f"{table} has no input {name}", transform.inputs, name)
    with connect() as connection:
        for name, source in transform.inputs.items():
            rows = _rows(project.contract(source), inputs.get(name, ()))
            database, _, _ = source.partition(".")
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(database)}")
            connection.register("given", rows)
            connection.execute(f"CREATE TABLE {quoted(source)} AS FROM given")
            connection.unregister("given")
        return _ordered(connection.sql(transform.sql).to_arrow_table(), project.contract(table))


@once
def _compiled(contracts: Path) -> Project:
    return load_project([contracts])


def _rows(contract: Contract, given: Sequence[_Row]) -> pa.Table:
    """Return the rows as the table of ``contract`` holds them, with the columns that Sluice adds."""
    schema = pa.schema(list(data_arrow(contract)))
    for row in given:
        for name in row:
            if name not in schema.names:
                raise _not_there(f"{contract.table} has no column {name}", schema.names, name)
    try:
        return pa.Table.from_pylist([dict(row) for row in given], schema=schema)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _wrong_value(contract, schema, given, error) from error


def _wrong_value(contract: Contract, schema: pa.Schema, given: Sequence[_Row], error: Exception) -> CommandError:
    """Return the error that names the first value that is none of its column's type, with its row as it was given."""
    for number, row in enumerate(given):
        for name, value in row.items():
            try:
                pa.array([value], schema.field(name).type)
            except (pa.ArrowException, TypeError, ValueError, OverflowError) as why:
                return CommandError(
                    f"{contract.table}, row {number}, column {name}: {shortened(repr(value))} is no "
                    f"{schema.field(name).type}: {shortened(str(why))}.",
                    next_step="mend the test.",
                    dataset=contract.table,
                    value=shortened(repr(value)),
                )
    return CommandError(f"{contract.table}: {error}.", next_step="mend the test.", dataset=contract.table)


def _ordered(made: pa.Table, contract: Contract) -> list[dict[str, Any]]:
    schema = pa.schema([(column.name, arrow_type(column.type)) for column in contract.columns])
    rows: list[dict[str, Any]] = made.select(schema.names).cast(schema).to_pylist()
    key = contract.key or tuple(schema.names)
    return sorted(rows, key=lambda row: [(row[name] is None, row[name]) for name in key])


def _not_there(what: str, allowed: Iterable[str], value: str) -> CommandError:
    return CommandError(f"{what}; there are: {', '.join(allowed)}.", next_step="mend the test.", value=value)
