"""`sluice profile`: finds what is meant, a file, a folder or a deployed table, and profiles it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sluice.cli.options import usable_path
from sluice.errors import CommandError
from sluice.profiling.encodings import refuse_unknown
from sluice.profiling.profiles import Profile, profile_files, profile_of
from sluice.profiling.studies import Study

#: The databases whose names a deployment may begin with a prefix.
_OWN = ("bronze", "silver", "gold", "quarantine")
_TABLE = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)")
_DATASET = re.compile(r"[a-z][a-z0-9_]{0,62}")
#: What a file's name ends with: orders.csv is no table of a database orders.
_ENDINGS = frozenset({
    "csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet", "gz", "zst", "log", "zip", "xlsx", "xls", "pdf", "html",
    "xml", "dat", "tab", "psv", "avro", "orc", "md", "yaml", "yml",
})  # fmt: skip


def table_of(name: str, env: str) -> tuple[str, str] | None:
    """Return database and table that are meant by ``database.table``; None when it is a file's name.

    A database of the project's own is the one that is deployed in ``env``.
    """
    found = _TABLE.fullmatch(name)
    if found is None or Path(name).exists() or found[2] in _ENDINGS:
        return None
    return _database(found[1], env), found[2]


def profiled(of: str, *, encoding: str, env: str) -> Profile:
    """Return the profile of a file or folder, or of a deployed table; ``WrongArgument`` when there is none."""
    refuse_unknown(encoding)
    name = f"bronze.{of}" if _DATASET.fullmatch(of) and not Path(of).exists() else of
    try:
        table = table_of(name, env)
    except CommandError as error:
        raise type(error)(
            f"There is no file or folder {of}, and whether there is a table cannot be asked: {error.what}",
            next_step=f"check the path, or, for the table {name}: {error.next_step}",
            value=of,
        ) from error
    if table is None:
        return profile_files(usable_path(of), encoding)
    with table_study(*table) as study:
        return profile_of(study, ".".join(table))


@contextmanager
def table_study(database: str, name: str) -> Iterator[Study]:
    """Yield what is found of a table; ``WrongArgument`` when there is none, ``CommandError`` when AWS refuses."""
    from botocore.exceptions import BotoCoreError, ClientError

    from sluice.cli.deployment import refused_by_aws
    from sluice.profiling.tables import studied_table

    try:
        with studied_table(database, name) as study:
            yield study
    except (ClientError, BotoCoreError) as error:
        raise refused_by_aws(error)(
            f"The table {database}.{name} cannot be read: {error}",
            next_step="`sluice status` lists the tables; `aws sts get-caller-identity` says who asks.",
            dataset=f"{database}.{name}",
        ) from error


def _database(name: str, env: str) -> str:
    if name not in _OWN:
        return name
    from sluice.cli.deployment import deployed

    return deployed(env).settings.database(name)
