"""What differs between the project that is deployed and the one that is declared now, in words of its tables."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sluice.cli.deployment import client
from sluice.contracts.types import ColumnType
from sluice.decoding import converter
from sluice.project import FILE_NAME

_FUNCTION = "AWS::Lambda::Function"
_to_type = converter(ColumnType)


@dataclass(frozen=True)
class TableChange:
    """What is another of one table: ``what`` in words; ``loses`` what would be lost, or empty.

    ``possible`` is False for a change that no deployment can make. ``arrives`` is how the table's rows do: ``files``,
    ``stream``, or empty for a derived one.
    """

    table: str
    what: str
    loses: str = ""
    possible: bool = True
    arrives: str = ""


def table_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[TableChange]:
    """Return what differs between two projects as their JSON has them, by table."""
    old, new = _by_table(before, "contracts"), _by_table(now, "contracts")
    made_before, made_now = _by_table(before, "transforms"), _by_table(now, "transforms")
    found: list[TableChange] = []
    for table in sorted({*old, *new}):
        if table not in old:
            found.append(TableChange(table, "new table"))
        elif table not in new:
            found.append(_removed(table, old[table]))
        else:
            found += _contract(table, old[table], new[table])
            if made_before.get(table) != made_now.get(table) and table in made_before and table in made_now:
                found.append(TableChange(table, "another transform"))
    return found


def _by_table(project: Mapping[str, Any], part: str) -> dict[str, dict[str, Any]]:
    return {each.get("table") or f"{each['database']}.{each['name']}": each for each in project.get(part, ())}


def _removed(table: str, contract: Mapping[str, Any]) -> TableChange:
    stays = "its table and its rows stay, and nothing brings it new ones"
    if contract.get("arrival", {}).get("stream"):
        loses = "records in its stream that were not read yet"
    elif contract["kind"] == "landing":
        loses = "what is delivered to it from now on, which is refused"
    else:
        loses = "that it follows what it is made of"
    return TableChange(table, f"no longer declared: {stays}", loses)


def _contract(table: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[TableChange]:
    columns = {column["name"]: column for column in old["columns"]}
    wanted = {column["name"]: column for column in new["columns"]}
    for name in wanted:
        if name not in columns:
            yield TableChange(table, f"new column {name}; rows that are there have null in it")
        elif (before := columns[name]["type"]) != (now := wanted[name]["type"]):
            yield _retyped(table, name, before, now, _arrives(new))
    for name in columns:
        if name not in wanted:
            yield TableChange(table, f"column {name} is no longer declared: it stays, and new rows have null in it")
    both = columns.keys() & wanted.keys()
    if _rest(old, both) != _rest(new, both):
        yield TableChange(table, "another contract")


def _rest(contract: Mapping[str, Any], columns: Collection[str]) -> dict[str, Any]:
    """Return what a contract says beside which columns there are and of which types."""
    kept = {column["name"]: {**column, "type": None} for column in contract["columns"] if column["name"] in columns}
    return {**contract, "columns": kept}


def _arrives(contract: Mapping[str, Any]) -> str:
    if contract["kind"] != "landing":
        return ""
    return "stream" if contract.get("arrival", {}).get("stream") else "files"


def _retyped(table: str, name: str, before: Any, now: Any, arrives: str) -> TableChange:
    from sluice.tables.manage import widens
    from sluice.tables.schema import iceberg_type

    old, new = _to_type(before), _to_type(now)
    what = f"column {name} from {old} to {new}"
    if widens(iceberg_type(new), iceberg_type(old)):
        return TableChange(table, f"{what}: the table keeps the wider type")
    if widens(iceberg_type(old), iceberg_type(new)):
        return TableChange(table, what)
    return TableChange(table, what, "all rows of the table, which is made anew, empty", False, arrives)


def has_functions(template: Mapping[str, Any]) -> bool:
    """Return whether a stack has functions, which carry their project."""
    return any(resource.get("Type") == _FUNCTION for resource in template.get("Resources", {}).values())


def project_of_template(template: Mapping[str, Any], folders: Iterable[Path]) -> dict[str, Any] | None:
    """Return the project that the functions of a template carry, as JSON has it; None when its code is not to be had.

    Assets are named by their content: one of that name in one of the ``folders`` is it; otherwise its bucket has it.
    """
    for resource in template.get("Resources", {}).values():
        code = resource.get("Properties", {}).get("Code", {})
        key = code.get("S3Key", "") if resource.get("Type") == _FUNCTION else ""
        if not isinstance(key, str) or not key.endswith(".zip"):
            continue
        files = (folder / f"asset.{key.removesuffix('.zip')}" / FILE_NAME for folder in folders)
        if text := next((file.read_bytes() for file in files if file.is_file()), None) or _from_bucket(code):
            found: dict[str, Any] = json.loads(text)
            return found
    return None


def _from_bucket(code: Mapping[str, Any]) -> bytes | None:
    account, region = client("sts").get_caller_identity()["Account"], client("s3").meta.region_name
    bucket = code["S3Bucket"]
    name = bucket if isinstance(bucket, str) else bucket["Fn::Sub"]
    name = name.replace("${AWS::AccountId}", account).replace("${AWS::Region}", region)
    try:
        body = client("s3").get_object(Bucket=name, Key=code["S3Key"])["Body"].read()
    except ClientError:
        return None  # the account's bucket of assets may have been cleaned up, or be somebody else's to read
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return archive.read(FILE_NAME) if FILE_NAME in archive.namelist() else None
