"""What `sluice down` forgets, said before it does."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sluice.cli.local import running_from
from sluice.counted import counted

#: A local AWS that does not answer is ended all the same.
_PATIENCE: Final = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1})
_PAGES: Final = 20


def what_ends(data: Path) -> str:
    """Return a sentence about what the local AWS that runs from ``data`` holds; an empty text where none answers."""
    found = running_from(data)
    if found is None:
        return ""
    session = boto3.Session("test", found["secret"], region_name=found["region"])

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=found["endpoint"], config=_PATIENCE)

    try:
        objects, size, more = _objects(client("s3"))
        tables = _tables(client("glue"))
    except (ClientError, BotoCoreError, json.JSONDecodeError):
        return ""
    least = "at least " if more else ""
    return (
        f"The local AWS at {found['endpoint']} ends, and forgets {counted(tables, 'table')} and "
        f"{least}{counted(objects, 'object')} ({size / 1e6:,.1f} MB) in its buckets. Files of this project stay."
    )


def _objects(s3: Any) -> tuple[int, int, bool]:
    """Return how many objects there are beside CDK's own, their bytes, and whether there are more."""
    count = size = 0
    more = False
    for bucket in (each["Name"] for each in s3.list_buckets()["Buckets"]):
        if bucket.startswith("cdk-"):
            continue
        pages = list(islice(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket), _PAGES))
        more = more or pages[-1]["IsTruncated"]
        contents = [item for page in pages for item in page.get("Contents", ())]
        count, size = count + len(contents), size + sum(item["Size"] for item in contents)
    return count, size, more


def _tables(glue: Any) -> int:
    databases = [
        each["Name"] for page in glue.get_paginator("get_databases").paginate() for each in page["DatabaseList"]
    ]
    pages = (page for name in databases for page in glue.get_paginator("get_tables").paginate(DatabaseName=name))
    return sum(len(page["TableList"]) for page in pages)
