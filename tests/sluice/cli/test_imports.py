"""What a command imports stays bounded: a question to Athena waits for Athena, not for libraries."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Libraries that take a tenth of a second or more to import. Pydantic is needed for values that typer has to convert.
SLOW = ("awscrt", "aws_cdk", "awswrangler", "boto3", "duckdb", "moto", "numpy", "pandas", "pyarrow", "pydantic",
        "pyiceberg", "pyspark", "s3transfer", "sqlframe", "sqlglot")  # fmt: skip
#: What is run until it asks AWS, which is not there, by what more it may import.
COMMANDS = {
    ("--help",): ("botocore",),
    ("--version",): ("botocore", "rich.table"),
    ("completion", "bash"): ("botocore", "rich.table"),
    ("query", "SELECT 1"): (),
    ("query", "SELECT 1", "--format", "csv"): (),
    ("outputs",): (),
}
CODE = """
import sys
from sluice.cli import app
try:
    app(sys.argv[1:])
except SystemExit:
    pass
if sys.argv[1] == "query":
    import sluice.cli.querying
print("imported", *sys.modules, file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_imports_no_library_that_it_does_not_need(command: tuple[str, ...], tmp_path: object) -> None:
    environment = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "eu-central-1", "AWS_MAX_ATTEMPTS": "1", "PATH": "/usr/bin:/bin",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", CODE, *command], env=environment, cwd=str(tmp_path), capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    told = next(line for line in done.stderr.splitlines() if line.startswith("imported "))
    imported = set(told.split())
    assert imported & {*SLOW, *COMMANDS[command]} == set()
    assert "sluice.cli" in imported
