"""Every error says what is safe and what comes next, has what it is about as fields, and is retryable by its type."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sluice import errors
from sluice.cli import app
from sluice.conflicts import until_committed
from sluice.errors import CheckFailed, CommitConflict, ContractError, DeliveryError, SluiceError, TransformError
from sluice.folders import ROOT
from sluice.load import load_contracts, load_project
from sluice.refresh.failures import Failure
from sluice.refresh.run import _refuse

TYPES = {name: kind for name in errors.__all__ if issubclass(kind := getattr(errors, name), SluiceError)}
FOLDERS = ("sluice", "lambdas", "glue_jobs", "infra", "shopsphere")
SOURCES = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    """Yield each place of a module where an error of Sluice is made, with its type's name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TYPES:
            yield node, node.func.id


def missing(call: ast.Call, kind: str) -> set[str]:
    """Return which of the two sentences neither the place nor the error's type gives."""
    given = {word.arg for word in call.keywords if not (isinstance(word.value, ast.Constant) and not word.value.value)}
    if None in given:  # all of another error's fields
        return set()
    usual = {"safe": TYPES[kind].usually_safe, "next_step": TYPES[kind].usual_next_step}
    return {name for name, sentence in usual.items() if not sentence and name not in given}


def test_every_error_says_what_is_safe_and_what_comes_next() -> None:
    found = [(path, call, kind) for path in SOURCES for call, kind in calls(path)]

    silent = [f"{path.relative_to(ROOT)}:{call.lineno}: {kind}: {missing(call, kind)}"
              for path, call, kind in found if missing(call, kind)]  # fmt: skip

    assert silent == []
    assert len(found) > 80


@pytest.mark.parametrize("text", ['CommandError("x", next_step="y", safe="")', 'DeliveryError("x")', 'TableError("x")'])
def test_a_silent_error_is_noticed(text: str, tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(f"raise {text}")
    ((call, kind),) = calls(tmp_path / "planted.py")
    assert missing(call, kind) == ({"next_step"} if kind != "CommandError" else set())


def test_an_error_is_retryable_by_its_type_alone() -> None:
    again = {name for name, kind in TYPES.items() if kind.retryable}

    assert again == {"CommitConflict", "NotStaged", "SweepIncomplete", "Unreachable"}
    for path in SOURCES:
        assert not re.search(r"\.retryable\s*=", path.read_text()), path


def test_the_workflow_tries_again_what_is_retryable_and_nothing_else_of_ours() -> None:
    workflow = yaml.safe_load((ROOT / "step_functions" / "refresh.yaml").read_text())
    retried = set(re.findall(r"'ErrorEquals': \[([^]]*)\]", str(list(_retries(workflow)))))
    named = {name for text in retried for name in TYPES if f"'{name}'" in text}
    assert named == {"CommitConflict"}


def _retries(value: object) -> Iterator[object]:
    for key, inside in (
        value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    ):
        if key == "Retry":
            yield inside
        yield from _retries(inside)


def test_a_commit_is_tried_again_and_then_says_which_table() -> None:
    tried = []

    def attempt() -> int:
        tried.append(1)
        if len(tried) < 3:
            raise CommitConflict("bronze.orders: another writer")
        return 7

    assert until_committed(attempt, "bronze.orders", attempts=3, safe="s.", next_step="n.") == 7
    tried.clear()
    with pytest.raises(CommitConflict) as caught:
        until_committed(attempt, "bronze.orders", attempts=2, safe="s.", next_step="n.")
    assert caught.value.as_data() == {
        "error": "CommitConflict",
        "what": "bronze.orders: other writers committed first 2 times in a row.",
        "safe": "s.",
        "next_step": "n.",
        "retryable": True,
        "dataset": "bronze.orders",
    }


def test_another_error_ends_the_tries_at_once() -> None:
    tried = []

    def attempt() -> int:
        tried.append(1)
        raise DeliveryError("no", next_step="n.")

    with pytest.raises(DeliveryError):
        until_committed(attempt, "bronze.orders", attempts=3, safe="s.", next_step="n.")
    assert len(tried) == 1


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    (tmp_path / "contracts").mkdir()
    shutil.copy(ROOT / "contracts" / "orders.yaml", tmp_path / "contracts")
    return tmp_path / "contracts"


def test_a_contracts_error_has_its_line_column_and_value(contracts: Path) -> None:
    file = contracts / "orders.yaml"
    text = file.read_text()
    column = yaml.safe_load(text)["schema"][0]["properties"][0]
    file.write_text(text.replace(f"physicalType: {column['physicalType']}", "physicalType: colour", 1))
    with pytest.raises(ContractError) as caught:
        load_contracts([contracts])
    told = caught.value
    line = next(number for number, line in enumerate(file.read_text().splitlines(), 1) if "colour" in line)
    assert (told.dataset, told.column, told.value) == ("orders", column["name"], "colour")
    assert (told.file, told.position) == (str(file), line)


def test_a_transforms_error_crosses_processes_with_its_fields(contracts: Path) -> None:
    folder = contracts.parent / "glue_jobs" / "gold"
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "contracts", contracts, dirs_exist_ok=True)
    (contracts / "gold" / "mine.yaml").write_text(
        (ROOT / "contracts" / "gold" / "daily_sales.yaml").read_text().replace("daily_sales", "mine")
    )
    (folder / "mine.py").write_text(
        "from sluice.transforms import transform\n\n@transform(orders='bronze.nothing')\ndef mine(orders):\n"
        "    return orders\n"
    )
    with pytest.raises(TransformError) as caught:
        load_project([contracts])
    told = caught.value
    assert (told.dataset, told.value) == ("gold.mine", "bronze.nothing")
    assert told.file is not None
    assert told.file.endswith("gold/mine.py")
    assert told.safe == "nothing was deployed or changed."
    assert "sluice check" in told.next_step


def test_a_failed_check_has_its_table_and_its_contract() -> None:
    with pytest.raises(CheckFailed) as caught:
        _refuse("gold.sales", [Failure("rowCount", "0", (), "error")], "contracts/gold/sales.yaml")
    assert (caught.value.dataset, caught.value.file) == ("gold.sales", "contracts/gold/sales.yaml")


def test_with_json_an_error_is_one_json_object(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
    for name, value in nowhere.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        app(["outputs", "--json"])
    told = json.loads(capsys.readouterr().err)
    assert ended.value.code == 1
    assert (told["error"], told["retryable"]) == ("Unreachable", True)
    assert "http://127.0.0.1:1" in told["what"]
    assert told["safe"]
    assert told["next_step"]
