"""Declared SQL reaches nothing but contracted tables: refused at the check, and by the engine where it gets past it."""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from sluice.cli import all_commands
from sluice.compiled import CompiledCheck
from sluice.confined import connect, only_query
from sluice.contracts import Check, Column, DerivedContract, parse_type
from sluice.errors import ContractError
from sluice.refresh.duckdb.audit import audit
from sluice.refresh.failures import AuditTarget
from sluice.transforms.checks import compile_checks
from tests.laws import some
from tests.sluice.hostile import HOSTILE, SECRET, SUBSTITUTED, filled

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: things
name: Things
version: 1.0.0
status: active
schema:
  - name: things
    physicalName: silver.things
    properties:
      - {{name: id, physicalType: string, primaryKey: true}}
    quality:
      - name: hostile
        type: sql
        query: '{query}'
        mustBe: 0
"""
THINGS = DerivedContract("things", "silver", (Column("id", parse_type("string")),), file="things.yaml")


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    monkeypatch.setenv("SLUICE_CANARY", SECRET)
    with connect() as found:
        found.execute("CREATE SCHEMA silver; CREATE TABLE silver.things (id VARCHAR)")
        yield found


@pytest.mark.parametrize("text", some([*HOSTILE, *SUBSTITUTED], 9))
@pytest.mark.slow
def test_the_check_refuses_it_with_file_line_field_and_next_step(text: str, tmp_path: Path) -> None:
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    (contracts / "things.yaml").write_text(CONTRACT.format(query=filled(text, tmp_path).replace("'", "''")))
    done = CliRunner().invoke(all_commands(), ["check", "--contracts", str(contracts)])
    assert isinstance(done.exception, ContractError)
    assert f"{contracts}/things.yaml:15: schema.0.quality.0.query: " in done.exception.what
    assert "sluice check" in done.exception.next_step
    assert SECRET not in str(done.exception)


@pytest.mark.parametrize("text", some([*HOSTILE, *SUBSTITUTED], 9))
@pytest.mark.slow
def test_it_does_not_compile_however_the_contract_came_to_be(text: str, tmp_path: Path) -> None:
    check = Check("hostile", "sql", ("mustBe", 0), query=filled(text, tmp_path))
    declared = DerivedContract("things", "silver", THINGS.columns, checks=(check,), file="things.yaml")
    with pytest.raises(ContractError, match=r"things\.yaml: the check 'hostile': "):
        compile_checks(declared)


@pytest.mark.parametrize("text", HOSTILE)
def test_the_audit_refuses_it_where_it_gets_past_the_check(
    text: str, tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    check = CompiledCheck("hostile", "measure", duckdb=filled(text, tmp_path), operator="mustBe", operand=0)
    audit_target = AuditTarget("silver.things", "silver.things", "silver.things", (), {})
    (failure,) = audit(connection, [check], audit_target)
    assert failure.found.startswith("cannot be computed: ")
    assert SECRET not in str(failure)
    assert len(str(failure)) < 400
    assert {path.name for path in tmp_path.iterdir()} == {"secret.csv"}


@pytest.mark.parametrize("text", HOSTILE)
def test_the_engine_gives_no_secret_and_writes_nothing_even_without_the_audit(
    text: str, tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    canary = duckdb.sql("SELECT 1")  # what a replacement scan would find
    assert canary is not None
    timer = threading.Timer(0.5, connection.interrupt)
    timer.start()
    try:
        found = repr(connection.execute(filled(text, tmp_path)).fetchall())
    except (duckdb.Error, RuntimeError) as error:
        found = str(error)
    finally:
        timer.cancel()
        timer.join()
    assert SECRET not in found
    assert {path.name for path in tmp_path.iterdir()} == {"secret.csv"}
    for setting in ("enable_external_access", "autoload_known_extensions", "autoinstall_known_extensions"):
        assert connection.execute("SELECT current_setting(?)", [setting]).fetchall() == [(False,)]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM read_text('{file}')", "SELECT count(*) FROM '{file}'", "INSTALL httpfs", "LOAD httpfs",
        "ATTACH '{folder}/other.db' AS other", "COPY (SELECT 1) TO '{folder}/out.csv'", "SET threads = 1",
        "SET enable_external_access = true", "SELECT count(*) FROM canary", "SELECT max(file) FROM glob('/etc/*')",
        "SELECT count(*) FROM 'https://example.com/rows.csv'", "SELECT content FROM read_text('/proc/self/environ')",
    ],
)  # fmt: skip
def test_what_reaches_out_is_an_error_of_the_engine_itself(
    text: str, tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    canary = duckdb.sql("SELECT 1")
    assert canary is not None
    with pytest.raises(duckdb.Error):
        connection.execute(filled(text, tmp_path)).fetchall()


def test_a_folder_that_is_lent_is_read_and_no_other(tmp_path: Path) -> None:
    lent, other = tmp_path / "lent", tmp_path / "other"
    for folder in (lent, other):
        folder.mkdir()
        (folder / "rows.csv").write_text("a\n1\n")
    with connect(readable=[str(lent)]) as connection:
        assert connection.execute(f"SELECT * FROM read_csv('{lent}/rows.csv')").fetchall() == [(1,)]
        for path in (other, f"{lent}/../other"):
            with pytest.raises(duckdb.PermissionException):
                connection.execute(f"SELECT * FROM read_csv('{path}/rows.csv')")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM silver.things",
        "WITH few AS (SELECT id FROM silver.things) SELECT count(*) FROM few JOIN silver.things USING (id)",
        "SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY id) AS n FROM silver.things)",
        "SELECT (SELECT count(*) FROM silver.things) - (SELECT count(DISTINCT id) FROM Silver.Things)",
    ],
)
def test_a_query_of_the_tables_lent_to_it_runs(text: str, connection: duckdb.DuckDBPyConnection) -> None:
    only_query(connection, text, ["silver.things"])
    connection.execute(text)


_MAKERS = {"connect", "sql", "query", "execute", "DuckDBPyConnection", "default_connection", "read_csv", "read_parquet"}


def _opens_duckdb(source: str) -> bool:
    """Tell whether a module opens a connection of its own, or uses the one that every process has."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "duckdb":
            return True
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "duckdb"
            and node.func.attr in _MAKERS
        ):
            return True
        if isinstance(node, ast.Import) and any(name.name == "duckdb" and name.asname for name in node.names):
            return True
    return False


@pytest.mark.slow
def test_connections_are_made_in_one_place_of_sluice_and_one_of_localaws() -> None:
    assert _opens_duckdb("import duckdb\nduckdb.connect()")
    assert _opens_duckdb("from duckdb import connect")
    assert _opens_duckdb("import duckdb as d")
    opening = {
        str(path.relative_to(ROOT))
        for folder in ("sluice", "localaws", "infra", "lambdas")
        for path in (ROOT / folder).rglob("*.py")
        if _opens_duckdb(path.read_text())
    }
    assert opening == {"sluice/confined.py", "localaws/athena/confined.py"}
