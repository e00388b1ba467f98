"""The compiled project: all contracts and compiled transforms, in one JSON file that is deployed with the functions."""

from __future__ import annotations

import hashlib
import os
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import msgspec

from sluice.contracts import Contract
from sluice.decoding import json_decoder
from sluice.once import once
from sluice.writes import WRITE_MODES, WriteMode

#: The file's name beside the functions' code.
FILE_NAME = "project.json"


class Propagation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The change propagation of an input: see ``sluice.transforms.Input``.

    ``key`` are the columns of which the function sees one row per value; it is empty when the function sees every row.
    """

    on: tuple[str, ...] = ()
    join: str | None = None
    join_on: tuple[tuple[str, str], ...] = ()
    key: tuple[str, ...] = ()

    @property
    def declared(self) -> bool:
        """Return whether change propagation is declared, by a dependency key or by a join path."""
        return bool(self.on) or self.join is not None


class CompiledCheck(msgspec.Struct, frozen=True, omit_defaults=True):
    """One check of a derived table, with SQL for each engine.

    The ``kind`` is one of: ``rows``, a condition that is true for rows that break it; ``unique``, no two rows have the
    same ``columns``; ``foreign_key``, ``columns`` are null or occur in the ``referenced`` columns of the table
    ``references``; ``measure``, a query for one value that ``operator`` compares with ``operand``. The query names the
    table as ``{table}``, its previous snapshot as ``{previous}``, and the tables in ``reads`` as ``{database.table}``.
    """

    name: str
    kind: Literal["rows", "unique", "foreign_key", "measure"]
    columns: tuple[str, ...] = ()
    severity: Literal["error", "warning"] = "error"
    duckdb: str = ""
    spark: str = ""
    operator: str = ""
    operand: Any = None
    references: str = ""
    referenced: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()

    @property
    def needs(self) -> set[str]:
        """Return the other tables that the check reads."""
        return {*self.reads, *([self.references] if self.references else ())}


class CompiledTransform(msgspec.Struct, frozen=True):
    """A derived table's transform as SQL for DuckDB (empty when its ``engine`` is Spark alone).

    ``inputs`` maps the function's parameters to tables. ``fingerprint`` changes when the result may change.
    ``conflicts`` is the SQL by input table for rows that contradict the one picked for their key. ``write``, the
    ``recompute_key`` and the change ``propagations`` (by parameter) are as in ``sluice.transforms.transform``.
    ``audit`` are the checks of the table, ``checks`` is their fingerprint. ``weight`` is the work per input row; 1 is
    only reading the row.
    """

    table: str
    inputs: dict[str, str]
    sql: str
    fingerprint: str
    conflicts: dict[str, str] = {}
    write: str = "replace"
    recompute_key: tuple[str, ...] = ()
    propagations: dict[str, Propagation] = {}
    weight: float = 1.0
    engine: Literal["any", "duckdb", "spark"] = "any"
    audit: tuple[CompiledCheck, ...] = ()
    checks: str = ""

    @property
    def mode(self) -> WriteMode:
        """Return how the table is written."""
        return WRITE_MODES[self.write]

    @property
    def needs(self) -> set[str]:
        """Return the tables that must be up to date before this one: its inputs, and those that its checks read."""
        return {*self.inputs.values(), *(name for check in self.audit for name in check.needs)}


class Project(msgspec.Struct, frozen=True):
    """All contracts, and a compiled transform for each derived one.

    ``fields_digest`` is in its JSON alone: see ``decode_project``.
    """

    contracts: tuple[Contract, ...]
    transforms: tuple[CompiledTransform, ...] = ()
    fields_digest: str = ""

    def to_json(self) -> bytes:
        """Return the project as JSON, the same bytes for the same declarations."""
        whole = msgspec.structs.replace(self, fields_digest=digest_of_fields())
        return msgspec.json.encode(whole, order="deterministic")

    @property
    def fingerprint(self) -> str:
        """Return a hash of the whole project."""
        return hashlib.sha256(self.to_json()).hexdigest()[:32]

    def landing(self, dataset: str) -> Contract | None:
        """Return the contract of the landing dataset with that name, or None."""
        return next((c for c in self.contracts if not c.derived and c.name == dataset), None)

    def contract(self, table: str) -> Contract:
        """Return the contract of ``database.name``; ``KeyError`` when there is none."""
        for contract in self.contracts:
            if contract.table == table:
                return contract
        raise KeyError(table)

    def transform(self, table: str) -> CompiledTransform:
        """Return the transform that makes ``table``; ``KeyError`` when there is none."""
        for transform in self.transforms:
            if transform.table == table:
                return transform
        raise KeyError(table)


_decode = json_decoder(Project)


@once
def digest_of_fields() -> str:
    """Return a hash of the names of all fields that a project's JSON can have, at any depth."""
    kinds: dict[str, list[str]] = {}
    left: list[Any] = [Project]
    while left:
        kind = left.pop()
        left += get_args(kind)
        is_declared = isinstance(kind, type) and (issubclass(kind, msgspec.Struct) or is_dataclass(kind))
        if is_declared and kind.__qualname__ not in kinds:
            hints = {name: hint for name, hint in get_type_hints(kind).items() if get_origin(hint) is not ClassVar}
            kinds[kind.__qualname__] = sorted(hints)
            left += hints.values()
    return hashlib.sha256(msgspec.json.encode(kinds, order="deterministic")).hexdigest()[:16]


def decode_project(text: bytes) -> Project:
    """Return the project whose JSON is ``text``; ``ValueError`` when code with other fields wrote it.

    What is unknown would be skipped and what is missing would get its default, as if it had been declared so.
    """
    project = _decode(text)
    if project.fields_digest != digest_of_fields():
        raise ValueError(
            f"{FILE_NAME} was written by another version of this code: its fields are "
            f"{project.fields_digest or 'unknown'}, these are {digest_of_fields()}. Nothing was done with it. "
            "Deploy again."
        )
    return msgspec.structs.replace(project, fields_digest="")


@once
def deployed_project() -> Project:
    """Return the project that was deployed with this function's code."""
    root = Path(os.environ.get("LAMBDA_TASK_ROOT", "."))
    return decode_project((root / FILE_NAME).read_bytes())
