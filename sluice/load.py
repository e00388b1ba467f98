"""Loads a project's contracts: reads each file, runs its rules on samples, and binds its checks on empty tables.

A refusal names file, line, field and what is allowed.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from sluice.contracts import AnyContract
from sluice.contracts.formats import Format, Formats
from sluice.contracts.model import PLAIN_RECORDS
from sluice.contracts.reader import ContractReader
from sluice.contracts.value_rules import PLACES
from sluice.errors import ContractError
from sluice.folders import meant_project
from sluice.found import claimed_twice
from sluice.ingestion.changes import ENVELOPES
from sluice.ingestion.formats import FILE_FORMATS
from sluice.ingestion.trial import cannot_run
from sluice.project import Project
from sluice.transforms.bound import unbound_checks
from sluice.transforms.discover import refuse_undeclared, transform_folders


def all_formats(files: Mapping[str, Format], envelopes: Mapping[str, Format]) -> Formats:
    """Return all formats; ``ModuleRefused`` when an envelope has the name of a format, be it in other case."""
    spelled = {name.casefold(): name for name in (PLAIN_RECORDS, *files)}
    for name in envelopes:
        if other := spelled.get(name.casefold()):
            raise claimed_twice(name, f"the format {other}", f"the envelope {name}")
    return Formats(files=files, streams={PLAIN_RECORDS: Format(), **envelopes})


#: Every format that a contract may name: what the readers and the decoders of this project are for.
FORMATS: Final = all_formats(FILE_FORMATS, ENVELOPES)


def load_project(folders: Collection[Path]) -> Project:
    """Return the project that the contract ``folders``, ``glue_jobs/`` and those beside the folders declare.

    Raise ``ContractError`` or ``TransformError`` for what is broken, and for a transform without a contract.
    """
    # Imported here: a contract alone is loaded without the compiler, which takes long to import.
    from sluice.transforms.compile import compile_project

    meant_project(folders)  # contracts of two projects are refused as such, before a table that both declare
    contracts = load_contracts(folders)
    refuse_undeclared(folders, {contract.table for contract in contracts if contract.derived})
    return compile_project(contracts, *transform_folders(folders))


def load_contract(path: Path) -> AnyContract:
    """Return the contract in ``path``; ``ContractError`` names file, line, field and what is allowed."""
    return _tried(ContractReader(path, FORMATS))


def contract_files(folder: Path) -> list[Path]:
    """Return the files of the contracts below ``folder``, in order."""
    return sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")])


def load_contracts(folders: Iterable[Path]) -> tuple[AnyContract, ...]:
    """Return all contracts below ``folders``, ordered by table name.

    Raise ``ContractError`` for a broken contract, a table declared twice, and a check that does not bind.
    """
    found: dict[str, AnyContract] = {}
    readers: dict[str, ContractReader] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ContractError(
                f"There is no contracts folder {folder}.", next_step="check the --contracts path.", file=str(folder)
            )
        files = contract_files(folder)
        if not files:
            raise ContractError(
                f"The folder {folder} holds no contract, a file that ends with .yaml.",
                file=str(folder),
                next_step="check the --contracts path, or write the first contract there.",
            )
        for path in files:
            reader, read = _read(path, _bytes(path))
            # Relative, since the path is deployed and must not depend on where the project lies.
            contract = msgspec.structs.replace(read, file=f"{folder.name}/{path.relative_to(folder).as_posix()}")
            if other := found.get(contract.table):
                raise ContractError(
                    f"{path}: {contract.table} is already declared in {other.file}.",
                    next_step="rename one of the two, or delete it.",
                    dataset=contract.table,
                    file=str(path),
                )
            found[contract.table], readers[contract.table] = contract, reader
    for unbound in unbound_checks(found.values()):
        reader = readers[unbound.table]
        reader.refuse((*reader.check_places[unbound.place], unbound.field), unbound.why)
    return tuple(found[table] for table in sorted(found))


@functools.lru_cache(maxsize=1024)
def _read(path: Path, _content: bytes | None) -> tuple[ContractReader, AnyContract]:
    """Return the contract in ``path`` and its reader; a process that goes on knows those of the same content."""
    reader = ContractReader(path, FORMATS)
    return reader, _tried(reader)


def _bytes(path: Path) -> bytes | None:
    """Return what is in the file, or None where it cannot be read, of which the reader says so itself."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def _tried(reader: ContractReader) -> AnyContract:
    """Return the contract; refuse rules that raise on samples, since they would raise on every file."""
    contract = reader.contract()
    if (failing := cannot_run(contract)) is not None:
        column, rule, error = failing
        index = contract.columns.index(contract.column(column.name))
        at = ("schema", 0, "properties", index, *PLACES.get(rule, ()))
        reader.refuse(at, f"it cannot be checked of a {column.type}: {type(error).__name__}: {error}")
    return contract
