"""Registers tables in Glue again that it lost: data and metadata are in the lake, where no call of Glue reaches them.

An Iceberg table is its newest metadata file; the catalog says which that is. Where it no longer does, the file with the
highest number is it, since each commit writes the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, TableAlreadyExistsError

from sluice.cli.deployment import Deployment, client, refused_by_aws
from sluice.contracts import AnyContract, LandingContract
from sluice.errors import CommandError, WrongArgument
from sluice.settings import Settings
from sluice.tables.catalog import glue_catalog

#: https://iceberg.apache.org/spec/#metastore-tables
_NUMBERED: Final = re.compile(r"/(\d+)-[^/]+\.metadata\.json$")
_DATABASES: Final = ("bronze", "silver", "gold", "quarantine")
_SAFE: Final = "nothing was changed; data and metadata are in the lake as they were."


@dataclass(frozen=True)
class Lost:
    """A contracted table that Glue does not have, and the metadata from which it is registered."""

    table: str
    metadata: str


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
        databases = sorted({settings.database(name) for name in _DATABASES} - there)
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
        table, found = f"{database}.{name}", _metadata(settings, database, name)
        mine = sorted(chosen & {address for addresses in found.values() for address in addresses})
        newest = mine or found.get(max(found, default=0), [])
        used |= set(mine)
        if len(newest) > 1:
            raise CommandError(
                f"{table} has {len(newest)} metadata files of the same number: {', '.join(newest)}. Two writers met, "
                "and one of them lost.",
                safe=_SAFE,
                next_step="read which snapshots each has, and name the right one: `sluice restore --metadata s3://…`.",
                value=table,
            )
        if newest:
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


def _metadata(settings: Settings, database: str, name: str) -> dict[int, list[str]]:
    """Return the addresses of a table's metadata files by their number."""
    found: dict[int, list[str]] = {}
    pages = client("s3").get_paginator("list_objects_v2").paginate(
        Bucket=settings.lake_bucket, Prefix=f"{database}/{name}/metadata/"
    )  # fmt: skip
    objects: Iterator[dict[str, Any]] = (each for page in pages for each in page.get("Contents", ()))
    for each in objects:
        if numbered := _NUMBERED.search(each["Key"]):
            found.setdefault(int(numbered[1]), []).append(f"{settings.lake}/{each['Key']}")
    return found


def _register(catalog: Catalog, databases: Iterable[str], lost: Iterable[Lost]) -> None:
    for database in databases:
        with suppress(NamespaceAlreadyExistsError):  # somebody else was faster
            catalog.create_namespace(database)
    for each in lost:
        with suppress(TableAlreadyExistsError):  # somebody else was faster: a table that is there is not changed
            catalog.register_table(each.table, each.metadata)
