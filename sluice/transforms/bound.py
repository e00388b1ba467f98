"""Binds the SQL of contracts' checks on empty tables, which finds unknown names and unfit types without any data."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import duckdb
import msgspec
import pyarrow as pa

from sluice.comparisons import COMPARISONS, moment
from sluice.compiled import CompiledCheck
from sluice.confined import connect, only_query, quoted, said
from sluice.contracts import Check, Contract, DerivedContract
from sluice.errors import ContractError
from sluice.nearest import did_you_mean
from sluice.tables.arrow import added
from sluice.transforms.checks import stated_checks

_ADDED_TYPES = {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.timestamp("us"): "TIMESTAMP", pa.bool_(): "BOOLEAN"}
#: No column holds a whole number of more than 38 digits.
_MOST = 10**38
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
#: Limits for a connection that only binds queries: binding computes nothing but a query's constant expressions.
_BOUNDED = {"memory_limit": "512MiB", "threads": "2"}


class Unbound(NamedTuple):
    """A check that does not bind: its index ``place`` among the checks of ``table``'s contract, the field, and why."""

    table: str
    place: int
    field: str
    why: str


def empty_tables(contracts: Iterable[Contract]) -> duckdb.DuckDBPyConnection:
    """Return a confined DuckDB connection with an empty table for each contract; ``ContractError`` if one has none."""
    connection = connect(settings=_BOUNDED)
    for contract in contracts:
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in column_types(contract).items())
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(contract.database)}")
        try:
            connection.execute(f"CREATE TABLE {quoted(contract.table)} ({columns})")
        except duckdb.Error as error:
            raise ContractError(
                f"{contract.file}: {contract.table} cannot be a table on DuckDB: {said(error)}.",
                next_step="mend the contract's columns, then run `sluice check`.",
                dataset=contract.table,
                file=contract.file,
            ) from error
    return connection


def column_types(contract: Contract) -> dict[str, str]:
    """Return the DuckDB type by column name, including the columns that Sluice adds."""
    own = {column.name: column.type.duckdb for column in contract.columns}
    return own | {column.name: _ADDED_TYPES[column.type] for column in added(contract)}


def unbound_checks(contracts: Iterable[Contract], broken: Collection[str] = ()) -> Iterator[Unbound]:
    """Yield each check that fails on any data, since it names unknown tables or columns or compares unfit types.

    Nothing is said of one that names a ``broken`` table, whose contract was refused.
    """
    by_table = {contract.table: contract for contract in contracts}
    checked = [each for each in by_table.values() if isinstance(each, DerivedContract) and each.checks]
    if not checked:
        return
    with empty_tables(by_table.values()) as connection:
        for contract in checked:
            table = contract.table
            for place, check in enumerate(contract.checks):
                if _names_one_of(check, broken):
                    continue
                # Compiled one by one, so that an error belongs to one check's place.
                if missing := _missing(check.columns, contract):
                    yield Unbound(table, place, "arguments", missing)
                    continue
                alone = msgspec.structs.replace(contract, checks=(check,), file="")
                try:
                    (compiled,) = stated_checks(alone, by_table)
                except ContractError as error:
                    yield Unbound(
                        table, place, "query", error.what.removeprefix(f": the check {check.name!r}: ").rstrip(".")
                    )
                    continue
                if problem := _problem(connection, contract, compiled, by_table):
                    yield Unbound(table, place, *problem)


def _names_one_of(check: Check, tables: Collection[str]) -> bool:
    if check.references is not None:
        return check.references.table in tables
    return any(re.search(rf"\b{table}\b", (check.query or "").replace('"', "")) for table in map(re.escape, tables))


def _problem(
    connection: duckdb.DuckDBPyConnection, contract: Contract, check: CompiledCheck, others: Mapping[str, Contract]
) -> tuple[str, str] | None:
    if check.kind == "foreign_key":
        return _foreign_key_problem(contract, check, others)
    relations = {"table": contract.table, "previous": contract.table, **{name: name for name in check.reads}}
    query = check.duckdb
    for placeholder, name in relations.items():
        query = query.replace(f"{{{placeholder}}}", quoted(name))
    try:
        only_query(connection, query, relations.values())
        ((_, kind, *_),) = connection.execute(f"DESCRIBE SELECT * FROM ({query})").fetchall()
    except (duckdb.Error, PermissionError) as error:
        return "query", said(error)
    return _operand_problem(check, kind)


def _missing(columns: tuple[str, ...], contract: Contract) -> str:
    own = column_types(contract)
    missing = [name for name in columns if name not in own]
    return (
        f"{contract.table} has no column {missing[0]};{did_you_mean(missing[0], own)} allowed: {', '.join(own)}"
        if missing
        else ""
    )


def _foreign_key_problem(
    contract: Contract, check: CompiledCheck, others: Mapping[str, Contract]
) -> tuple[str, str] | None:
    if check.references not in others:
        return "to", f"no contract declares {check.references};{did_you_mean(check.references, others)}".rstrip(";")
    if missing := _missing(check.referenced, others[check.references]):
        return "to", missing
    theirs, mine = column_types(others[check.references]), column_types(contract)
    for own, other in zip(check.columns, check.referenced, strict=True):
        # DuckDB compares other types, too, by casts that Spark does not make.
        if mine[own] != theirs[other] and not (_is_number(mine[own]) and _is_number(theirs[other])):
            return "to", f"{own} is {mine[own].lower()} and {other} is {theirs[other].lower()}: they cannot be compared"
    return None


def _operand_problem(check: CompiledCheck, kind: str) -> tuple[str, str] | None:
    """Return field and reason when the query's type cannot be compared with the contract's operand, or None."""
    operands = check.operand if isinstance(check.operand, list) else [check.operand]
    if (check.operator in COMPARISONS) == isinstance(check.operand, list) or len(operands) not in (1, 2):
        return check.operator, f"{check.operand!r} is not allowed; {check.operator} takes " + (
            "one value" if check.operator in COMPARISONS else "a list of the least and the greatest"
        )
    for operand in operands:
        if not _comparable(operand, kind):
            return check.operator, f"the query gives {kind.lower()}, which cannot be compared with {operand!r}"
    return None


def _comparable(operand: Any, kind: str) -> bool:
    if isinstance(operand, bool):
        return kind == "BOOLEAN"
    if isinstance(operand, int | float):
        sound = math.isfinite(operand) if isinstance(operand, float) else abs(operand) < _MOST
        return sound and _is_number(kind)
    if isinstance(operand, dt.date):
        return kind == "DATE" or kind.startswith("TIMESTAMP")
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        try:
            moment(str(operand))
        except ValueError:
            return False
        return True
    return kind == "VARCHAR"


def _is_number(kind: str) -> bool:
    return kind.partition("(")[0] in _NUMBERS
