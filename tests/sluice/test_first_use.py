"""Whatever threads may use first at the same time is made before any of them, or once behind a lock."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = [path for folder in ("sluice", "lambdas") for path in sorted((ROOT / folder).rglob("*.py"))]
#: Makes decoders of structs that it makes itself, of a contract's columns; no two threads share one before it is made.
MAKES_STRUCTS = {"sluice/decoding.py", "sluice/ingestion/readers/json_records.py"}
RACES = 3


def calls(path: Path) -> Iterator[tuple[int, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node.lineno, node


def outside_functions(tree: ast.AST) -> Iterator[ast.Call]:
    for child in ast.iter_child_nodes(tree):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            if isinstance(child, ast.Call):
                yield child
            yield from outside_functions(child)


def makes_a_decoder(call: ast.Call) -> bool:
    called = ast.unparse(call.func)
    if called.startswith("msgspec.") and called.endswith(("convert", "Decoder")):
        return bool(call.args)
    return called.endswith("decode") and any(keyword.arg == "type" for keyword in call.keywords)


@pytest.mark.slow
def test_msgspec_is_told_of_every_type_while_modules_are_imported() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {ast.unparse(call)}"
        for path in CODE
        if str(path.relative_to(ROOT)) not in MAKES_STRUCTS
        for line, call in calls(path)
        if makes_a_decoder(call)
    ]
    assert not wrong, "use sluice.decoding at module level"


def test_decoders_are_made_at_import_only() -> None:
    for path in CODE:
        if "from sluice.decoding import" not in path.read_text(encoding="utf-8"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        makers = {"json_decoder", "converter"} & imported(tree)
        everywhere = [c for _, c in calls(path) if ast.unparse(c.func) in makers]
        at_import = [c for c in outside_functions(tree) if ast.unparse(c.func) in makers]
        assert len(everywhere) == len(at_import), path


def imported(tree: ast.AST) -> set[str]:
    """Return the names that the module has of ``sluice.decoding``."""
    found = (n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "sluice.decoding")
    return {alias.name for node in found for alias in node.names}


RACE = """
import importlib, json, pkgutil, sys, threading
sys.setswitchinterval(1e-6)

def race(use, threads=8):
    ready, wrong = threading.Barrier(threads), []
    def run():
        ready.wait()
        try:
            use()
        except Exception as error:
            wrong.append(repr(error))
    started = [threading.Thread(target=run) for _ in range(threads)]
    for thread in started: thread.start()
    for thread in started: thread.join()
    return wrong

def forgiving(use):
    def run():
        try:
            use()
        except msgspec.DecodeError:
            pass
    return run

functions = sorted(m.name for m in pkgutil.iter_modules(["lambdas"]))
raced = race(lambda: [importlib.import_module(f"lambdas.{name}.handler") for name in functions], 8)
import msgspec
parts = (
    "ingestion", "ingestion.changes", "ingestion.changes.envelopes", "ingestion.formats", "ingestion.rules", "tables",
    "contracts", "cli", "cli.commands", "refresh", "transforms",
)
for package in (f"sluice.{part}" for part in parts):
    path = importlib.import_module(package).__path__
    names = [f"{package}.{m.name}" for m in pkgutil.iter_modules(path)]
    raced += race(lambda: [importlib.import_module(name) for name in names])
from sluice.decoding import DECODED
for kind in list(DECODED):
    raced += race(forgiving(lambda: msgspec.json.decode(b'{"dataset":"a","attempt":"b","entry":1}', type=kind)))
from sluice import storage
from sluice.cli import deployment
from sluice.tables.catalog import glue_catalog
for service in ("s3", "dynamodb", "sqs", "events", "glue", "kinesis", "lambda", "sns", "stepfunctions"):
    for client in (storage.client, deployment.client):
        found = []
        raced += race(lambda: found.append(client(service)))
        if len({id(one) for one in found}) != 1: raced.append(f"{service}: {len(found)} clients")
found = []
raced += race(lambda: found.append(glue_catalog()))
if len({id(one) for one in found}) != 1: raced.append("more than one catalog")
print(json.dumps({"raced": raced, "types": len(DECODED)}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(RACES))
def test_eight_threads_may_use_anything_first_at_once(attempt: int) -> None:
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "PATH": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", RACE],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"ended by {done.returncode}: {done.stderr[-2000:]}"
    said = json.loads(done.stdout)
    assert not said["raced"]
    assert said["types"] >= 15
