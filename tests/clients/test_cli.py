"""The AWS CLI against the local Athena: what its user types, from a statement to its rows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any

import pytest

from tests.waiting import until

pytestmark = pytest.mark.slow


def _aws(environment: dict[str, str], *arguments: str) -> Any:
    found = shutil.which("aws")
    if found is None:
        reason = "NO CLIENT: there is no AWS CLI on the path. Nothing of it was tried."
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    command = [found, *arguments, "--output", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout or "null")


def test_a_statement_is_asked_followed_and_read(aws: dict[str, str]) -> None:
    def run(sql: str) -> str:
        query = _aws(
            aws, "athena", "start-query-execution", "--query-string", sql,
            "--result-configuration", "OutputLocation=s3://answers/cli/",
        )["QueryExecutionId"]  # fmt: skip

        def ended() -> str | None:
            status = _aws(aws, "athena", "get-query-execution", "--query-execution-id", query)["QueryExecution"][
                "Status"
            ]
            return str(status["State"]) if status["State"] not in ("QUEUED", "RUNNING") else None

        assert until(ended, sql) == "SUCCEEDED"
        return str(query)

    run("CREATE DATABASE typed")
    run("CREATE TABLE typed.pots WITH (external_location = 's3://lake/typed/') AS SELECT 1 AS id, 'a b' AS name")
    rows = _aws(aws, "athena", "get-query-results", "--query-execution-id", run("SELECT * FROM typed.pots"))[
        "ResultSet"
    ]
    assert [[cell["VarCharValue"] for cell in row["Data"]] for row in rows["Rows"]] == [["id", "name"], ["1", "a b"]]
    tables = _aws(
        aws, "athena", "list-table-metadata", "--catalog-name", "AwsDataCatalog", "--database-name", "typed"
    )["TableMetadataList"]  # fmt: skip
    assert [(each["Name"], each["Parameters"]["location"]) for each in tables] == [("pots", "s3://lake/typed/")]
