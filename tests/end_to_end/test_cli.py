"""Every command as a user runs it, with its exit code; and that nothing is written outside the data directory."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sluice.cli import assembly, local
from tests.end_to_end.running import ROOT, SLUICE, aws, exported, free_port, run, sluice
from tests.laws import some
from tests.waiting import until

pytestmark = pytest.mark.slow

#: What may appear in the project's folder: the cache of synthesis, and what Python and test tools keep for themselves.
NOT_OURS = {
    ".sluice",
    ".venv",
    ".git",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    "node_modules",
    ".hypothesis",
}


@dataclass(frozen=True)
class Session:
    """A user's shell after ``sluice up --detach`` and its export lines."""

    data: Path
    home: Path
    files_before: frozenset[Path]
    environment: dict[str, str]
    said: str

    def sluice(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return sluice(*arguments, **self.environment)


def project_files() -> frozenset[Path]:
    found = set()
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS]
        found |= {Path(folder, name) for name in files}
    return frozenset(found)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    data, home = tmp_path_factory.mktemp("data") / "aws", tmp_path_factory.mktemp("home")
    before = project_files()
    up = sluice("up", "--port", str(free_port()), "--data", data, "--detach", HOME=str(home))
    assert up.returncode == 0, up.stderr
    assert up.stdout.splitlines()[0] == "ready"
    yield Session(data, home, before, {**exported(up.stdout), "HOME": str(home), "COLUMNS": "80"}, up.stdout)
    sluice("down", "--data", data)


def test_up_prints_what_a_shell_needs(session: Session) -> None:
    assert set(session.environment) >= {
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    }


def test_up_says_that_its_secret_is_known_to_all(session: Session) -> None:
    assert session.environment["AWS_SECRET_ACCESS_KEY"] == "test"
    assert "The secret is `test`" in session.said
    assert "`sluice up --secret` keeps other users out" in session.said


def test_up_refuses_a_data_directory_in_use(session: Session) -> None:
    again = session.sluice("up", "--port", str(free_port()), "--data", session.data, "--detach")

    assert again.returncode == 1
    assert f"already runs from {session.data}" in again.stderr
    assert "sluice down" in again.stderr


def test_up_says_that_a_port_is_taken(session: Session, tmp_path: Path) -> None:
    port = session.environment["AWS_ENDPOINT_URL"].rsplit(":", 1)[1]

    again = session.sluice("up", "--port", port, "--data", tmp_path, "--detach")

    assert again.returncode == 1
    assert port in again.stderr


def test_outputs_names_buckets_queues_and_workgroup(session: Session) -> None:
    plain, as_json = session.sluice("outputs"), session.sluice("outputs", "--json")

    assert (plain.returncode, as_json.returncode) == (0, 0)
    found = json.loads(as_json.stdout)
    assert {"LandingBucketName", "LakeBucketName", "LandingQueueUrl", "AthenaWorkGroupName"} <= set(found)
    for name, value in found.items():
        assert name in plain.stdout
        assert value in plain.stdout


@pytest.fixture(scope="module")
def delivered(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of ShopSphere, generated, uploaded with the AWS CLI and waited for."""
    folder = tmp_path_factory.mktemp("files") / "shopsphere"
    generated = session.sluice("generate", "--days", "3", "--seed", "5", "--out", folder)
    assert generated.returncode == 0, generated.stderr
    assert "order_lines" in generated.stdout
    os_environment = {name: value for name, value in session.environment.items() if name.startswith("AWS_")}
    landing = json.loads(session.sluice("outputs", "--json").stdout)["LandingBucketName"]
    for dataset in sorted(path for path in folder.iterdir() if path.is_dir()):
        command = ("s3", "cp", "--recursive", "--quiet", dataset, f"s3://{landing}/{dataset.name}/")
        aws(*command, **os_environment)
    waited = session.sluice("status", "--wait", "--timeout", "200")
    assert waited.returncode == 0, waited.stdout + waited.stderr
    return folder


def test_generate_writes_what_its_manifest_says_and_the_same_again(
    session: Session, delivered: Path, tmp_path: Path
) -> None:
    again = session.sluice("generate", "--days", "3", "--seed", "5", "--out", tmp_path / "again")

    assert again.returncode == 0
    files = {path.relative_to(delivered): path.read_bytes() for path in delivered.rglob("*") if path.is_file()}
    same = {p.relative_to(tmp_path / "again"): p.read_bytes() for p in (tmp_path / "again").rglob("*") if p.is_file()}
    assert files
    assert files == same


def test_status_accounts_for_every_file(session: Session, delivered: Path) -> None:
    files = [path for folder in delivered.iterdir() if folder.is_dir() for path in folder.rglob("*") if path.is_file()]

    shown = session.sluice("status")

    assert shown.returncode == 0
    for name in ("customers", "order_lines", "orders", "products"):
        assert name in shown.stdout
    assert f"{len(files):,} accounted for + 0 on their way = {len(files):,} delivered" in shown.stdout


def test_ui_writes_a_page_of_all_that_is_deployed(session: Session, delivered: Path, tmp_path: Path) -> None:
    done = session.sluice("ui", "--out", tmp_path, "--json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["page"] == str(tmp_path / "sluice-ui.html")
    assert [path.name for path in tmp_path.iterdir()] == ["sluice-ui.html"]
    assert (told["name"], told["environment"], told["failed"]) == ("sluice", "dev", [])
    contracts = [path.relative_to(ROOT / "contracts") for path in (ROOT / "contracts").rglob("*.yaml")]
    tables = {f"{path.parent.name or 'bronze'}.{path.stem}" for path in contracts}
    assert {node["table"] for node in told["graph"]["nodes"]} == tables
    edges = {tuple(edge) for edge in told["graph"]["edges"]}
    assert {end for _, end in edges} == {table for table in tables if not table.startswith("bronze.")}
    assert ("silver.orders", "gold.daily_sales") in edges
    promised = {each["dataset"]: each["freshness_seconds"] for each in told["status"]["datasets"]}
    assert promised["orders"] == 86_400
    page = (tmp_path / "sluice-ui.html").read_text(encoding="utf-8")
    assert all(f'id="n-{table}"' in page for table in tables)


def test_query_prints_a_table_csv_and_json(session: Session, delivered: Path) -> None:
    sql = "SELECT country, count(*) AS orders FROM silver.orders GROUP BY country ORDER BY orders DESC, country LIMIT 3"

    shown = {form: session.sluice("query", sql, "--format", form) for form in ("table", "csv", "json")}

    assert {form: done.returncode for form, done in shown.items()} == {"table": 0, "csv": 0, "json": 0}
    rows = json.loads(shown["json"].stdout)
    assert len(rows) == 3
    assert [{**row, "orders": int(row["orders"])} for row in csv.DictReader(io.StringIO(shown["csv"].stdout))] == rows
    for row in rows:
        assert row["country"] in shown["table"].stdout
        assert str(row["orders"]) in shown["table"].stdout


def test_check_counts_what_is_sound(session: Session) -> None:
    done = session.sluice("check")

    assert done.returncode == 0, done.stderr
    assert "are sound" in done.stdout


def test_redrive_with_no_dead_letters_puts_nothing_back(session: Session) -> None:
    done = session.sluice("redrive")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "landing: 0 messages put back", "commit: 0 messages put back", "set aside: 0 units staged again",
        "streams: 0 batches handed on again",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        "up",
        "down",
        "outputs",
        "query",
        "status",
        "plan",
        "backfill",
        "redrive",
        "discard",
        "generate",
        "send",
        "check",
        "demo",
        "ui",
    ],
)
def test_every_command_has_help(command: str) -> None:
    done = sluice(command, "--help")

    assert done.returncode == 0
    assert "--help" in done.stdout


def test_what_is_wrong_on_the_command_line_is_said(session: Session) -> None:
    assert session.sluice("query", "SELECT 1", "--format", "xml").returncode == 2
    assert session.sluice("no-such-command").returncode == 2
    missing = session.sluice("check", "--contracts", "/nowhere")
    assert missing.returncode == 2
    assert "/nowhere" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_nothing_is_written_outside_the_data_directory(session: Session, delivered: Path) -> None:
    assert project_files() == session.files_before
    # CDK itself keeps hashes of the files that it packs in ~/.cdk, and has no switch for it.
    in_home = [path.relative_to(session.home) for path in session.home.rglob("*") if path.is_file()]
    assert [path for path in in_home if path.parts[:3] != (".cdk", "cache", "fingerprints")] == []


def test_down_ends_it_and_says_so(session: Session, delivered: Path) -> None:
    down, again = (session.sluice("down", "--data", session.data) for _ in range(2))

    told, ended = down.stdout.strip().splitlines()
    assert (down.returncode, ended) == (0, "ended")
    assert told.startswith("The local AWS at http://127.0.0.1:")
    assert " ends, and forgets " in told
    assert (again.returncode, again.stdout.strip()) == (0, f"nothing was running from {Path(session.data).resolve()}")
    after = session.sluice("outputs")
    assert after.returncode == 1
    assert "sluice up" in after.stderr
    assert "Traceback" not in after.stderr


def test_a_secret_of_its_own_is_known_to_this_user_alone(tmp_path: Path) -> None:
    data = tmp_path / "aws"
    up = sluice("up", "--port", str(free_port()), "--data", data, "--detach", "--secret")
    try:
        assert up.returncode == 0, up.stderr
        assert "The secret is this run's own: only you can use this AWS" in up.stdout
        exports = exported(up.stdout)
        secret = exports["AWS_SECRET_ACCESS_KEY"]
        assert json.loads((data / "access.json").read_text())["secret"] == secret
        assert (data / "access.json").stat().st_mode & 0o777 == 0o600
        assert data.stat().st_mode & 0o777 == 0o700
        endpoint = {"AWS_ENDPOINT_URL": exports["AWS_ENDPOINT_URL"], "AWS_REGION": "us-east-1"}
        assert sluice("outputs", **exports).returncode == 0
        # Whose shell names the endpoint only, or still has the well-known secret: found in the file.
        known = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        assert sluice("outputs", **endpoint, **known).returncode == 0
        # Who has no access to the file (here: another copy of the project's cache) is refused.
        listed = run(
            sys.executable, "-c", "import boto3; boto3.client('s3').list_buckets()", **endpoint, **known
        )  # fmt: skip
        assert "SignatureDoesNotMatch" in listed.stderr
        for path in data.rglob("*"):
            if path.is_file() and path.name != "access.json":
                assert secret.encode() not in path.read_bytes(), path
    finally:
        sluice("down", "--data", data)
    assert not (data / "access.json").exists()


def test_up_in_the_foreground_ends_cleanly_when_interrupted(tmp_path: Path) -> None:
    command = [str(SLUICE), "up", "--port", str(free_port()), "--data", str(tmp_path / "aws")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 0
    assert run(SLUICE, "down", "--data", tmp_path / "aws").stdout.startswith("nothing was running from ")


@pytest.mark.parametrize("number", some([signal.SIGKILL, signal.SIGTERM], 2))
def test_whatever_ends_up_ends_the_local_aws(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    up = subprocess.Popen(
        [SLUICE, "up", "--port", str(port), "--data", tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert up.stdout is not None
    assert up.stdout.readline() == "ready\n"
    server = int((tmp_path / "pid").read_text())

    up.send_signal(number)

    up.wait(60)
    until(lambda: not local.is_local_aws(server), "the local AWS ends", 60)
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass
    assert sluice("down", "--data", tmp_path).stdout.startswith("nothing was running from ")


def test_down_works_where_there_is_no_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    up = sluice("up", "--port", str(free_port()), "--data", tmp_path, "--detach")
    assert up.returncode == 0, up.stderr
    server = int((tmp_path / "pid").read_text())
    monkeypatch.setattr(assembly, "_PROCESSES", tmp_path / "no-such-folder")
    assert local.is_local_aws(server)
    assert local.stop(tmp_path)
    assert not local.is_local_aws(server)
    monkeypatch.undo()
    assert not local.is_local_aws(server)
