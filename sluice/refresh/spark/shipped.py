"""The compiled project as a run on Spark needs it, read from the JSON that was shipped with the code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sluice.writes import WRITE_MODES, WriteMode


@dataclass(frozen=True)
class Propagation:
    """The change propagation of an input: see ``sluice.transforms.Input``.

    ``key`` are the columns of which the function sees one row per value; it is empty when the function sees every row.
    """

    on: tuple[str, ...]
    join: str | None
    join_on: tuple[tuple[str, str], ...]
    key: tuple[str, ...]

    @property
    def declared(self) -> bool:
        """Return whether change propagation is declared, by a dependency key or by a join path."""
        return bool(self.on) or self.join is not None

    @property
    def needs_versions(self) -> bool:
        """Return whether rows of one input key may affect different keys of the result.

        Then all rows of that input key are needed wherever one of them is.
        """
        columns = self.on or tuple(own for own, _ in self.join_on)
        return bool(self.key) and not set(columns) <= set(self.key)


@dataclass(frozen=True)
class CompiledCheck:
    """One compiled check of a table, with ``sql`` for Spark: see ``sluice.project.CompiledCheck``."""

    name: str
    severity: Literal["error", "warning"]
    kind: Literal["rows", "unique", "foreign_key", "measure"]
    columns: tuple[str, ...]
    sql: str
    operator: str
    operand: Any
    references: str
    referenced: tuple[str, ...]
    reads: tuple[str, ...]


@dataclass(frozen=True)
class CompiledTransform:
    """A derived table's compiled transform: its ``inputs`` by parameter, how it is written, and its checks.

    See ``sluice.project.CompiledTransform``.
    """

    table: str
    inputs: Mapping[str, str]
    fingerprint: str
    write: str
    recompute_key: tuple[str, ...]
    propagations: Mapping[str, Propagation]
    audit: tuple[CompiledCheck, ...]
    checks: str
    engine: Literal["any", "duckdb", "spark"]

    @property
    def mode(self) -> WriteMode:
        """Return how the table is written."""
        return WRITE_MODES[self.write]


@dataclass(frozen=True)
class Dataset:
    """The part of a contract that a run needs: ``columns`` are the contract's, without those that Sluice adds."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    file: str


class ShippedProject:
    """The compiled project, decoded from its JSON."""

    def __init__(self, shipped: bytes) -> None:
        project = json.loads(shipped)
        self._datasets = {f"{each['database']}.{each['name']}": _dataset(each) for each in project["contracts"]}
        self._transforms = {each["table"]: _transform(each) for each in project["transforms"]}

    def dataset(self, table: str) -> Dataset:
        """Return the contract of ``database.name``; ``KeyError`` when there is none."""
        return self._datasets[table]

    def transform(self, table: str) -> CompiledTransform:
        """Return the transform that makes ``table``; ``KeyError`` when there is none."""
        return self._transforms[table]


def _dataset(given: Mapping[str, Any]) -> Dataset:
    columns = tuple(column["name"] for column in given["columns"])
    return Dataset(given["name"], columns, tuple(given.get("key", ())), given.get("file", ""))


def _transform(given: Mapping[str, Any]) -> CompiledTransform:
    propagations = given.get("propagations", {})
    return CompiledTransform(
        given["table"],
        given["inputs"],
        given["fingerprint"],
        given.get("write", "replace"),
        tuple(given.get("recompute_key", ())),
        {name: _propagation(propagations.get(name, {})) for name in given["inputs"]},
        tuple(_check(each) for each in given.get("audit", ())),
        given["checks"],
        given["engine"],
    )


def _propagation(given: Mapping[str, Any]) -> Propagation:
    join_on = tuple((own, theirs) for own, theirs in given.get("join_on", ()))
    return Propagation(tuple(given.get("on", ())), given.get("join"), join_on, tuple(given.get("key", ())))


def _check(given: Mapping[str, Any]) -> CompiledCheck:
    return CompiledCheck(
        given["name"],
        given.get("severity", "error"),
        given["kind"],
        tuple(given.get("columns", ())),
        given.get("spark") or "",
        given.get("operator") or "",
        given.get("operand"),
        given.get("references", ""),
        tuple(given.get("referenced", ())),
        tuple(given.get("reads", ())),
    )
