"""Registers tables in Glue again that it lost: data and metadata are in the lake, where no call of Glue reaches them.

An Iceberg table is its newest metadata file; the catalog says which that is. Where it no longer does, the file with the
highest number is it, since each commit writes the next one; where their times say otherwise, nothing is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, TableAlreadyExistsError

from sluice.cli.deployment import Deployment, client, refused_by_aws
from sluice.contracts import AnyContract, LandingContract
from sluice.contracts.reader import DATABASES
from sluice.errors import CommandError, WrongArgument
from sluice.settings import Settings
from sluice.tables.catalog import glue_catalog

#: https://iceberg.apache.org/spec/#metastore-tables
_NUMBERED: Final = re.compile(r"/(\d+)-[^/]+\.metadata\.json$")
_SAFE: Final = "nothing was changed; data and metadata are in the lake as they were."


@dataclass(frozen=True)
class Lost:
    """A contracted table that Glue does not have, and the metadata from which it is registered."""

    table: str
    metadata: str


@dataclass(frozen=True)
class _File:
    """A metadata file: its number, when it was written, its address."""

    number: int
    written: datetime
    address: str


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What was, or would be, made in Glue; ``empty`` are tables of which the lake has nothing, for the deployment."""

    done: bool
    databases: list[str]
    tables: dict[str, str]
    empty: list[str]


def restore(
    deployed: Deployment, contracts: Iterable[AnyContract], *, chosen: Iterable[str] = (), dry_run: bool = False
) -> Restored:
    """Make the databases that Glue lacks, and register each contracted table that it lacks from its newest metadata.

    ``chosen`` are addresses of metadata files, each for the table in whose folder it is. Raise ``CommandError`` before
    anything is done where it cannot be told which metadata is the newest, ``WrongArgument`` for an address of nothing.
    """
    settings, catalog = deployed.settings, glue_catalog()
    try:
        there = {name[0] for name in catalog.list_namespaces()}
        wanted = list(_declared(contracts, settings))
        databases = sorted({settings.database(name) for name in (*DATABASES, "quarantine")} - there)
        present = {name for database in {each for each, _ in wanted} & there for name in catalog.list_tables(database)}
        missing = [name for name in wanted if name not in present]
        lost, empty = _newest(settings, missing, frozenset(chosen))
        if not dry_run:
            _register(catalog, databases, lost)
    except (ClientError, BotoCoreError) as error:
        raise refused_by_aws(error)(
            f"The tables could not be restored: {error}",
            value=settings.lake,
            safe="what was registered stays so; data and metadata are in the lake as they were.",
            next_step="`sluice restore` again, once it is mended: it goes on with what is missing.",
        ) from error
    tables = {each.table: each.metadata for each in lost}
    return Restored(done=not dry_run, databases=databases, tables=tables, empty=empty)


def _declared(contracts: Iterable[AnyContract], settings: Settings) -> Iterator[tuple[str, str]]:
    for contract in contracts:
        yield settings.database(contract.database), contract.name
        if isinstance(contract, LandingContract):
            yield settings.database("quarantine"), contract.name


def _newest(
    settings: Settings, missing: Iterable[tuple[str, str]], chosen: frozenset[str]
) -> tuple[list[Lost], list[str]]:
    lost, empty, used = [], [], set()
    for database, name in missing:
        table, files = f"{database}.{name}", list(_metadata(settings, database, name))
        mine = sorted(chosen & {each.address for each in files})
        used |= set(mine)
        if newest := mine or _last(files):
            if len(newest) > 1:
                raise _unclear(table, newest)
            lost.append(Lost(table, newest[0]))
        else:
            empty.append(table)
    if unknown := sorted(chosen - used):
        raise WrongArgument(
            f"{unknown[0][:200]} is no metadata file of a table that Glue lacks.",
            safe=_SAFE,
            next_step="`sluice restore --dry-run` shows which tables it lacks, each with its newest metadata.",
            value=unknown[0][:200],
        )
    return lost, empty


def _last(files: list[_File]) -> list[str]:
    """Return the address of the newest metadata file, or several where they contradict each other.

    The highest number is the newest, unless a file of a lower number was written later: a table that was made anew in
    the folder of one before counts from nothing again.
    """
    if not files:
        return []
    number, written = max(each.number for each in files), max(each.written for each in files)
    last = [each for each in files if each.number == number]
    if all(each.written < written for each in last):
        last += [each for each in files if each.written == written]
    return [each.address for each in last]


def _unclear(table: str, files: list[str]) -> CommandError:
    return CommandError(
        f"Which metadata of {table} is the newest is not clear: {', '.join(files)}. Two writers met and one of them "
        "lost, or the table was made anew in its old folder.",
        safe=_SAFE,
        next_step="read which snapshots each has, and name the right one: `sluice restore --metadata s3://…`.",
        value=table,
    )


def _metadata(settings: Settings, database: str, name: str) -> Iterator[_File]:
    pages = client("s3").get_paginator("list_objects_v2").paginate(
        Bucket=settings.lake_bucket, Prefix=f"{database}/{name}/metadata/"
    )  # fmt: skip
    objects: Iterator[dict[str, Any]] = (each for page in pages for each in page.get("Contents", ()))
    for each in objects:
        if numbered := _NUMBERED.search(each["Key"]):
            yield _File(int(numbered[1]), each["LastModified"], f"{settings.lake}/{each['Key']}")


def _register(catalog: Catalog, databases: Iterable[str], lost: Iterable[Lost]) -> None:
    for database in databases:
        with suppress(NamespaceAlreadyExistsError):  # somebody else was faster
            catalog.create_namespace(database)
    for each in lost:
        try:
            catalog.register_table(each.table, each.metadata)
        except TableAlreadyExistsError as error:
            raise CommandError(
                f"{each.table} is in Glue now: somebody made it while this ran, from other metadata or empty.",
                safe="it was not changed; tables that were registered before it stay so.",
                next_step="look at it; where it is empty, drop it from Glue alone and run `sluice restore` again.",
                value=each.table,
            ) from error
