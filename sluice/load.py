"""Loads a project's contracts: reads each file, runs its rules on samples, and binds its checks on empty tables.

A refusal names file, line, field and what is allowed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from sluice.contracts import AnyContract
from sluice.contracts.formats import Format, Formats
from sluice.contracts.model import PLAIN_RECORDS
from sluice.contracts.reader import DATABASES, ContractReader
from sluice.contracts.value_rules import PLACES
from sluice.errors import ContractError
from sluice.folders import meant_project
from sluice.found import claimed_twice
from sluice.gathered import Gathered
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

#: What a contract says that its table is called, where it cannot be read.
_DECLARED = re.compile(r"^[ \t-]*physicalName:\s*['\"]?(\w+\.\w+)", re.MULTILINE)


def load_project(folders: Collection[Path]) -> Project:
    """Return the project that the contract ``folders``, ``glue_jobs/`` and those beside the folders declare.

    Raise ``ContractError`` or ``TransformError`` for what is broken, and for a transform without a contract; beside it
    stands everything else that is broken: a contract hides only the transforms that need it.
    """
    # Imported here: a contract alone is loaded without the compiler, which takes long to import.
    from sluice.transforms.compile import compile_project

    meant_project(folders)  # contracts of two projects are refused as such, before a table that both declare
    found = Gathered()
    read = _read_contracts(folders, found)
    contracts = read.in_order()
    with found:
        refuse_undeclared(folders, read.derived | read.broken)
    project = Project(contracts)
    with found:
        project = compile_project(contracts, *transform_folders(folders), broken=read.broken)
    found.refuse()
    return project


def load_contract(path: Path) -> AnyContract:
    """Return the contract in ``path``; ``ContractError`` names file, line, field and what is allowed."""
    return _tried(ContractReader(path, FORMATS))


def contract_files(folder: Path) -> list[Path]:
    """Return the files of the contracts below ``folder``, in order."""
    return sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")])


def load_contracts(folders: Iterable[Path]) -> tuple[AnyContract, ...]:
    """Return all contracts below ``folders``, ordered by table name.

    Raise ``ContractError`` for a broken contract, a table declared twice, and a check that does not bind, with all
    others beside it.
    """
    found = Gathered()
    read = _read_contracts(folders, found)
    found.refuse()
    return read.in_order()


class _Contracts:
    """The sound contracts of a project by table, with their readers, and the tables of those that are ``broken``."""

    def __init__(self) -> None:
        self.contracts: dict[str, AnyContract] = {}
        self.readers: dict[str, ContractReader] = {}
        self.broken: set[str] = set()

    @property
    def derived(self) -> set[str]:
        """Return the tables that transforms make."""
        return {contract.table for contract in self.contracts.values() if contract.derived}

    def in_order(self) -> tuple[AnyContract, ...]:
        """Return the sound contracts, ordered by table name."""
        return tuple(self.contracts[table] for table in sorted(self.contracts))


def _read_contracts(folders: Iterable[Path], found: Gathered) -> _Contracts:
    """Return the contracts below ``folders``, and gather in ``found`` what is wrong with the others."""
    read = _Contracts()
    for folder in folders:
        with found:
            for path in _needed_files(folder):
                before = len(found.errors)
                with found:
                    _read_into(read, path, folder)
                if len(found.errors) > before:
                    read.broken |= _meant_tables(path, folder)
    for unbound in list(unbound_checks(read.contracts.values(), read.broken)):
        reader = read.readers[unbound.table]
        with found:
            reader.refuse((*reader.check_places[unbound.place], unbound.field), unbound.why)
        # Its checks alone are broken: its transform is compiled beside them.
        read.contracts[unbound.table] = msgspec.structs.replace(read.contracts[unbound.table], checks=())
    return read


def _needed_files(folder: Path) -> list[Path]:
    """Return the files of the contracts below ``folder``; ``ContractError`` when there are none."""
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
    return files


def _read_into(read: _Contracts, path: Path, folder: Path) -> None:
    """Add the contract in ``path``; ``ContractError`` when it is broken, or its table is declared already."""
    reader, contract = _read(path, _bytes(path))
    if other := read.contracts.get(contract.table):
        into = "" if contract.derived else f": what lands under {contract.name}/ would be of both"
        reader.refuse(
            ("schema", 0, "physicalName"), f"{contract.table} is already declared in {other.file}{into}; rename one"
        )
    # Relative, since the path is deployed and must not depend on where the project lies.
    file = f"{folder.name}/{path.relative_to(folder).as_posix()}"
    read.contracts[contract.table], read.readers[contract.table] = msgspec.structs.replace(contract, file=file), reader


def _meant_tables(path: Path, folder: Path) -> set[str]:
    """Return the table that a broken contract declares, as far as it can be told, and the one that its place tells."""
    database = path.parent.name if path.parent != folder and path.parent.name in DATABASES else "bronze"
    text = (_bytes(path) or b"").decode(errors="replace")
    return {f"{database}.{path.stem}", *_DECLARED.findall(text)}


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
