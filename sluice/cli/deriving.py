"""`sluice new TABLE --transform`: writes the function of a derived table, and the contract of what it returns."""

from __future__ import annotations

import keyword
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.cli.whole_files import write_whole
from sluice.contracts import AnyContract
from sluice.contracts.columns import NAME
from sluice.contracts.model import CLASSIFICATIONS
from sluice.counted import counted
from sluice.errors import SluiceError, TransformError, WrongArgument
from sluice.folders import ProjectFolder, needed_project
from sluice.load import contract_files, load_contracts, load_project
from sluice.profiling.contract_text import TO_DESCRIBE
from sluice.profiling.yaml_text import scalar
from sluice.transforms.described import described
from sluice.transforms.written import Written, function_of, selected
from sluice.transforms.written_kinds import RefusedSelect

_LOGICAL = {"string": "string", "int": "integer", "bigint": "integer", "boolean": "boolean", "date": "date",
            "timestamp": "timestamp", "binary": ""}  # fmt: skip
_TYPES = {
    "VARCHAR": "string", "INTEGER": "int", "BIGINT": "bigint", "HUGEINT": "bigint", "FLOAT": "float",
    "DOUBLE": "double", "BOOLEAN": "boolean", "DATE": "date", "TIMESTAMP": "timestamp", "BLOB": "binary",
}  # fmt: skip
_DERIVED = ("silver", "gold")
_MEND_QUERY = (
    "change the query (what is to be cast is cast in it, as `CAST(x AS decimal(28, 2))` or `CAST(x AS integer)`), "
    "or begin with `--from TABLE` and write the function by hand."
)


@dataclass(frozen=True)
class Derived:
    """What was written for a derived table: both files, its inputs by parameter, its columns, and its key."""

    table: str
    contract: Path
    function: Path
    inputs: dict[str, str]
    columns: dict[str, str]
    key: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """Return what `sluice new --transform --json` prints."""
        return {
            "table": self.table,
            "contract": str(self.contract),
            "function": str(self.function),
            "inputs": self.inputs,
            "columns": self.columns,
            "key": list(self.key),
        }

    def in_words(self) -> str:
        """Return what `sluice new --transform` prints."""
        columns = counted(len(self.columns), "column")
        lines = [
            f"{self.function} is written: it reads {', '.join(self.inputs.values())}.",
            f"{self.contract} is written: {columns}, of the types that the function returns.",
        ]
        if self.key:
            lines.append(f"Its key is {', '.join(self.key)}.")
        lines.append("Both are sound. Next: describe what says TODO, then `sluice check`.")
        return "\n".join(lines)


def new_table(table: str, origin: str, query: str, *, force: bool) -> Derived:
    """Write function and contract of a derived table, from one table whole or from a query; return what was written.

    Nothing is left of either when the project is not sound with them.
    """
    project = needed_project()
    database, name = _split(table)
    contract, function = project.contracts / database / f"{name}.yaml", project.transforms / database / f"{name}.py"
    _refuse_taken(table, project, (contract, function), force=force)
    known = _contracts(project, table)
    written = _written(table, origin, query, known)
    columns = _columns(table, written, known, project, query)
    text = _contract_text(project.root.name, table, columns, written, known)
    before = {path: path.read_bytes() if path.exists() else None for path in (contract, function)}
    try:
        for path, content in ((contract, text), (function, written.text)):
            write_whole(path, content)
        (function.parent / "__init__.py").touch()
        load_project([project.contracts])
    except SluiceError:
        _restore(before)
        raise
    return Derived(table, contract, function, written.inputs, columns, written.key)


def _restore(before: Mapping[Path, bytes | None]) -> None:
    for path, content in before.items():
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(content)


def _split(table: str) -> tuple[str, str]:
    database, _, name = table.partition(".")
    if database in _DERIVED and keyword.iskeyword(name):
        raise WrongArgument(
            f"{name!r} is a word of Python, and can be no function's name.",
            next_step=f"`sluice new {database}.{name}_rows --transform …`",
            value=table,
        )
    if database not in _DERIVED or not NAME.fullmatch(name):
        plain = re.sub("[^a-z0-9_]+", "_", table.rpartition(".")[2].lower()).strip("_") or "daily_visits"
        raise WrongArgument(
            f"{table!r} is no derived table: silver or gold, a point, and a name of lower case letters, digits and _.",
            next_step=f"`sluice new gold.{plain} --transform …`",
            value=table,
        )
    return database, name


def _refuse_taken(table: str, project: ProjectFolder, paths: Sequence[Path], *, force: bool) -> None:
    there = [path for path in paths if path.exists() or path.is_symlink()]
    if there and not force:
        raise WrongArgument(
            f"{' and '.join(map(str, there))} {'is' if len(there) == 1 else 'are'} there already.",
            safe="nothing was written.",
            next_step="choose another name, or add `--force` to write both anew: what was changed by hand is lost.",
            dataset=table,
            file=str(there[0]),
        )
    for path in contract_files(project.contracts) if project.contracts.is_dir() else []:
        if path not in paths and f"physicalName: {table}\n" in path.read_text(encoding="utf-8", errors="replace"):
            raise WrongArgument(
                f"{path} declares {table} already.",
                safe="nothing was written.",
                next_step="choose another name, or delete that file first.",
                dataset=table,
                file=str(path),
            )


def _contracts(project: ProjectFolder, table: str) -> dict[str, AnyContract]:
    """Return the project's contracts by table, without that of the table that is made."""
    if not (project.contracts.is_dir() and contract_files(project.contracts)):
        raise WrongArgument(
            f"{project.contracts} holds no contract: there is nothing to read.",
            next_step="`sluice new DATASET --from FILE` writes the first one.",
            file=str(project.contracts),
        )
    found = {contract.table: contract for contract in load_contracts([project.contracts])}
    found.pop(table, None)
    return found


def _written(table: str, origin: str, query: str, known: Mapping[str, AnyContract]) -> Written:
    """Return the function; ``WrongArgument`` for a table that is not there, and a query without a plain form."""
    if bool(origin) == bool(query):
        raise WrongArgument(
            "A derived table is made from one table whole (--from) or from a query (--query).",
            next_step=f'`sluice new {table} --transform --query "SELECT … FROM silver.visits"`',
            dataset=table,
        )
    if query or origin in known:
        try:
            return function_of(table, query, known) if query else selected(table, known[origin])
        except RefusedSelect as error:
            raise WrongArgument(
                f"The query has no plain form as a function: {error}.",
                safe="nothing was written.",
                next_step="change the query, or begin with `--from TABLE` and write the function by hand.",
                dataset=table,
                value=(query or origin)[:200],
            ) from error
    several = " Several tables are joined by --query, which says how." if "," in origin else ""
    raise WrongArgument(
        f"No contract declares {origin!r}; there are {', '.join(sorted(known))}.{several}",
        safe="nothing was written.",
        next_step="name one of them.",
        dataset=table,
        value=origin,
    )


def _columns(
    table: str, written: Written, known: Mapping[str, AnyContract], project: ProjectFolder, query: str
) -> dict[str, str]:
    """Return the type of each column that the function returns, found by compiling it."""
    with tempfile.TemporaryDirectory() as folder:
        database, _, name = table.partition(".")
        path = Path(folder) / database / f"{name}.py"
        path.parent.mkdir()
        path.write_text(written.text, encoding="utf-8")
        try:
            found = described(tuple(known.values()), Path(folder), table, project=project.root)
        except TransformError as error:
            # The function stands in no file that could be mended, and the query has no argument of the decorator.
            what = re.sub(rf"{re.escape(str(path))}:[0-9]+", "The query", error.what)
            raise TransformError(
                what.replace(f"{folder}/", ""), safe="nothing was written.",
                next_step=_MEND_QUERY if query else error.next_step, dataset=table,
            ) from error  # fmt: skip
    types = {name: _TYPES.get(kind, kind.lower().replace(" ", "")) for name, kind in found.items()}
    for name, kind in types.items():
        if kind not in _TYPES.values() and not kind.startswith("decimal("):
            raise WrongArgument(
                f"The column {name} is {kind}, a type that no table has.",
                safe="nothing was written.",
                next_step=f"cast it: CAST({name} AS varchar).",
                dataset=table,
                column=name,
            )
    return types


def _contract_text(
    project: str, table: str, columns: Mapping[str, str], written: Written, known: Mapping[str, AnyContract]
) -> str:
    name = table.partition(".")[2]
    lines = [
        "apiVersion: v3.1.0",
        "kind: DataContract",
        f"id: {scalar(f'{project}.{table}')}",
        f"name: {scalar(name.replace('_', ' ').capitalize())}",
        "version: 1.0.0",
        "status: active",
        "description:",
        f"  purpose: {TO_DESCRIBE}",
        "schema:",
        f"  - name: {scalar(name)}",
        f"    physicalName: {table}",
        "    physicalType: table",
        f"    description: {TO_DESCRIBE}",
        "    properties:",
    ]
    for column, kind in columns.items():
        sources = [known[source].column(name) for source, name in written.sources.get(column, ())]
        same = sources[0] if column in written.passed else None
        alike = same is not None and str(same.type) == kind
        classes = {source.classification for source in sources if source.classification}
        lines.append(f"      - name: {scalar(column)}")
        if logical := _LOGICAL.get(kind, "number"):
            lines.append(f"        logicalType: {logical}")
        lines.append(f"        physicalType: {kind}")
        lines.append(
            f"        description: {scalar(same.description or TO_DESCRIBE) if same and alike else TO_DESCRIBE}"
        )
        if classes:
            lines.append(f"        classification: {scalar(min(classes, key=CLASSIFICATIONS.index))}")
        if column in written.key:
            place = written.key.index(column) + 1
            lines += ["        primaryKey: true", f"        primaryKeyPosition: {place}", "        required: true"]
    return "\n".join(lines) + "\n"
