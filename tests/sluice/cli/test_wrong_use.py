"""Whatever names nothing with which a command can do what was asked ends with 2, before anything is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.main import get_group

from sluice.cli import all_commands, app
from sluice.cli.starting import start_project


def status(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        app(list(arguments))
    return int(ended.value.code or 0)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    start_project(tmp_path / "shop", empty=False)
    monkeypatch.chdir(tmp_path / "shop")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    return tmp_path / "shop"


@pytest.mark.parametrize("command", sorted(get_group(all_commands()).commands))
def test_every_command_refuses_an_option_that_there_is_not(shop: Path, command: str) -> None:
    assert status(command, "--no-such-option") == 2
    assert status(command, "--no-such-option", "--json") == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["init", "Bad Name"], ["init", "."], ["init", "README.md"],
        ["check", "--contracts", "none"], ["check", "--contracts", "README.md"],
        ["up", "--contracts", "none"], ["deploy", "--contracts", "none"], ["compare", "gold.x", "--contracts", "none"],
        ["deploy", "--env", "nowhere"], ["up", "--env", "nowhere"],
        ["new", "x", "--from", "none.csv"], ["new", "Bad", "--from", "samples/visits.csv"],
        ["new", "gold.x", "--transform", "--query", "SELECT 1"], ["profile", "none.csv"],
        ["send", "visits", "none.csv"], ["backfill", "gold.x", "--from", "x", "--to", "y"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_what_is_not_there_is_refused_as_wrong_use(
    shop: Path, arguments: list[str], more: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(path for path in shop.rglob("*") if ".sluice" not in path.parts)
    assert status(*arguments, *more) == 2
    assert sorted(path for path in shop.rglob("*") if ".sluice" not in path.parts) == before


class _Page(BaseHTTPRequestHandler):
    """Answers every request as a web server does that is no AWS."""

    def do_POST(self) -> None:
        self.send_response(501)
        self.end_headers()
        self.wfile.write(b"<!DOCTYPE HTML><html><meta charset='utf-8'></html>")

    do_GET = do_POST  # noqa: N815 - http.server calls it so

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.slow
def test_an_endpoint_that_is_no_aws_is_named_without_a_traceback(shop: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"http://127.0.0.1:{server.server_port}"
        given = {"AWS_ENDPOINT_URL": at, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        ended = subprocess.run(
            [sys.executable, "-c", "from sluice.cli import app; app()", "status", "--json"],
            env={**os.environ, **given, "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1"},
            cwd=shop, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        server.shutdown()
    told = json.loads(ended.stderr)
    assert (ended.returncode, ended.stdout, told["error"]) == (1, "", "Unreachable")
    assert told["what"].startswith(f"What answers at {at} is no AWS")
