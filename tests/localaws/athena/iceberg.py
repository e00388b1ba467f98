"""Iceberg tables for tests of the local Athena: made by statements, looked at by PyIceberg.

Each module of tests has a bucket and a workgroup of its own name, since what moto keeps is one for a process.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from moto.s3.models import s3_backends

from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.server import iceberg_catalog


def work_group(ctx: Context, name: str) -> None:
    """Make the workgroup, the bucket of its tables, and the bucket of its results."""
    for bucket in (name, f"{name}-out"):
        ctx.client("s3").create_bucket(Bucket=bucket)
    ctx.client("athena").create_work_group(
        Name=name, Configuration={"ResultConfiguration": {"OutputLocation": f"s3://{name}-out/results/"}}
    )


def made(
    client: Client, name: str = "t", columns: str = "id int, v string", partitioned: str = "", folder: str = ""
) -> None:
    """Create an empty Iceberg table in ``folder``, that of its own name if none is said, in the database's folder."""
    by = f"PARTITIONED BY ({partitioned}) " if partitioned else ""
    client.rows(
        f"CREATE TABLE `{name}` ({columns}) {by}LOCATION 's3://{client.workgroup}/{client.database}/{folder or name}' "
        "TBLPROPERTIES ('table_type'='ICEBERG')"
    )


def table_of(client: Client, name: str = "t") -> Any:
    """Return the table as PyIceberg has it."""
    return iceberg_catalog(client.ctx, f"s3://{client.workgroup}/warehouse").load_table(f"{client.database}.{name}")


def objects(client: Client) -> list[str]:
    """Return the keys below the database's folder."""
    found = client.ctx.client("s3").list_objects_v2(Bucket=client.workgroup, Prefix=f"{client.database}/")
    return [item["Key"] for item in found.get("Contents", [])]


def aged(ctx: Context, bucket: str, folder: str, days: int) -> None:
    """Have all objects in a folder be older."""
    keys = s3_backends[ctx.account]["aws"].buckets[bucket].keys
    for key in [key for key in keys if key.startswith(f"{folder}/")]:
        keys[key].last_modified -= timedelta(days=days)


def stray(client: Client, name: str = "t", folder: str = "") -> list[str]:
    """Return the objects in the table's folder, but not in one within it, that none of its metadata names."""
    table = table_of(client, name)
    named = {table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)}
    for snapshot in table.snapshots():
        named.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            named.add(manifest.manifest_path)
            named |= {entry.data_file.file_path for entry in manifest.fetch_manifest_entry(table.io)}
    inner = tuple(f"{client.database}/{folder or name}/{each}/" for each in ("data", "metadata"))
    return [key for key in objects(client) if key.startswith(inner) and f"s3://{client.workgroup}/{key}" not in named]
