"""Every error says what is safe and what comes next, has what it is about as fields, and is retryable by its type."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pytest
import yaml
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)
from typer.main import get_command

from sluice import errors
from sluice.cli import all_commands, app
from sluice.cli.deployment import refused_by_aws
from sluice.conflicts import until_committed
from sluice.errors import (
    CheckFailed,
    CommitConflict,
    CommitUncertain,
    ContractError,
    DeliveryError,
    SluiceError,
    TransformError,
)
from sluice.load import load_contracts, load_project
from sluice.refresh.failures import Failure
from sluice.refresh.run import _refuse
from tests.folders import ROOT, SMALL

TYPES = {name: kind for name in errors.__all__ if issubclass(kind := getattr(errors, name), SluiceError)}
_FIELDS = ("dataset", "column", "value", "file", "position")
FOLDERS = ("sluice", "lambdas", "infra")
SOURCES = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]


def _answered(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Any")  # type: ignore[typeddict-item]


def calls(text: str) -> Iterator[tuple[ast.Call, str]]:
    """Yield each place of a module where an error of Sluice is made, with its type's name."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(func=ast.Name(id=kind) | ast.Attribute(attr=kind)) if kind in TYPES:
                yield node, kind
            case ast.Call(func=ast.Call(func=ast.Name(id="refused_by_aws"))):
                yield node, "CommandError"
            case ast.Raise(exc=ast.Name(id=kind)) if kind in TYPES:
                raise AssertionError(f"line {node.lineno} raises a {kind} that says nothing")


def missing(call: ast.Call, kind: str) -> set[str]:
    """Return which of the two sentences neither the place nor the error's type gives, and ``field`` without any."""
    given = {word.arg for word in call.keywords if not _empty(word.value)}
    if None in given:  # all of another error's
        return set()
    usual = {"safe": TYPES[kind].usually_safe, "next_step": TYPES[kind].usual_next_step}
    silent = {name for name, sentence in usual.items() if not sentence and name not in given}
    return silent | ({"field"} if not given & set(_FIELDS) else set())


def _empty(value: ast.expr) -> bool:
    return (isinstance(value, ast.Constant) and not value.value) or (
        isinstance(value, ast.JoinedStr) and not value.values
    )


#: Places that give no field, with the reason.
WITHOUT_FIELD = {
    "sluice/ingestion/readers/": "read_checked sets dataset and file of whatever a reader raises: test_readers_fuzz.py",
    "sluice/ingestion/source.py": "likewise",
    "sluice/ingestion/sweep.py": "about all that failed; each has a line of its own",
    "sluice/transforms/compile.py": "an error of Sluice itself, while it compiles whichever transform",
    "sluice/cli/planning.py": "the planner's own failure",
    "infra/sbom.py": "about the bill, which is not yet a file",
}


@pytest.mark.slow
def test_every_error_says_what_is_safe_and_what_comes_next_and_has_a_field() -> None:
    found = made_in(SOURCES)
    assert len(found) > 110
    assert silent(found, WITHOUT_FIELD) == []


def made_in(sources: Iterable[Path]) -> list[tuple[str, ast.Call, str]]:
    """Return each place where an error of Sluice is made: the module's path, the call, and the error's type."""
    return [(str(path.relative_to(ROOT)), *each) for path in sources for each in calls(path.read_text())]


def silent(found: list[tuple[str, ast.Call, str]], excused: Collection[str]) -> list[str]:
    """Return the places that say too little, and what is ``excused`` from giving a field and needs no excuse."""
    lacking = [(path, call, kind, missing(call, kind)) for path, call, kind in found]
    bare = {path for path, _, _, lacks in lacking if "field" in lacks}
    told = [
        f"{path}:{call.lineno}: {kind}: {sorted(left)}"
        for path, call, kind, lacks in lacking
        if (left := lacks - ({"field"} if path.startswith(tuple(excused)) else set()))
    ]
    return told + [f"{place}: no excuse is needed" for place in excused if not any(p.startswith(place) for p in bare)]


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ('CommandError("x", next_step="y", safe="", value="v")', set()),
        ('CommandError("x", next_step="y")', {"field"}),
        ('DeliveryError("x", file="f")', {"next_step"}),
        ('errors.TableError("x", dataset="t")', {"next_step"}),
        ('SluiceError("x", safe=f"", next_step=f"", value="v")', {"safe", "next_step"}),
        ('refused_by_aws(error)("x", value="v")', {"next_step"}),
        ("TransformError(**other)", set()),
    ],
)
def test_a_silent_error_is_noticed(text: str, lacks: set[str]) -> None:
    ((call, kind),) = calls(f"raise {text}")
    assert missing(call, kind) == lacks


def test_an_error_without_words_is_noticed() -> None:
    with pytest.raises(AssertionError, match="line 1 raises a SluiceError that says nothing"):
        list(calls("raise SluiceError"))


def test_each_command_that_an_error_names_exists() -> None:
    commands = set(get_command(all_commands()).list_commands(None))  # type: ignore[attr-defined]
    named = {
        (name, str(path.relative_to(ROOT)))
        for path in SOURCES
        for name in re.findall(r"`sluice ([a-z]+)", path.read_text())
    }
    assert len(named) > 20
    assert {(name, path) for name, path in named if name not in commands} == set()


def test_an_error_is_retryable_by_its_type_alone() -> None:
    again = {name for name, kind in TYPES.items() if kind.retryable}

    assert again == {"CommitConflict", "CommitUncertain", "NotStaged", "SweepIncomplete", "Unreachable"}
    for path in SOURCES:
        assert not re.search(r"\.retryable\s*=", path.read_text()), path


def test_a_commit_is_tried_again_and_then_says_which_table() -> None:
    tried = []

    def attempt() -> int:
        tried.append(1)
        if len(tried) < 3:
            raise CommitConflict("quarantine.orders: late", dataset="quarantine.orders")
        return 7

    assert until_committed(attempt, "bronze.orders", attempts=3, safe="s.", next_step="n.") == 7
    tried.clear()
    with pytest.raises(CommitConflict) as caught:
        until_committed(attempt, "bronze.orders", attempts=2, safe="s.", next_step="n.")
    assert caught.value.as_data() == {
        "error": "CommitConflict",
        "what": "bronze.orders: other writers committed first 2 times in a row; the last time: quarantine.orders: late",
        "safe": "s.",
        "next_step": "n.",
        "retryable": True,
        "dataset": "quarantine.orders",
    }
    assert isinstance(caught.value.__cause__, CommitConflict)


def test_a_commit_that_may_still_take_place_is_tried_again_and_told_as_what_it_is() -> None:
    tries = []

    def uncertain() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise CommitUncertain("silver.orders: it is being changed.", dataset="silver.orders")
        return "done"

    assert until_committed(uncertain, "silver.orders", attempts=3, safe="x", next_step="y") == "done"
    tries.clear()
    with pytest.raises(CommitUncertain, match="it is being changed"):
        until_committed(uncertain, "silver.orders", attempts=2, safe="x", next_step="y")


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
    shutil.copy(SMALL / "contracts" / "orders.yaml", tmp_path / "contracts")
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
    assert (told.dataset, told.column, told.value) == ("bronze.orders", column["name"], "colour")
    assert (told.file, told.position) == (str(file), line)


@pytest.mark.slow
def test_a_transforms_error_crosses_processes_with_its_fields(contracts: Path) -> None:
    folder = contracts.parent / "glue_jobs" / "gold"
    folder.mkdir(parents=True)
    (contracts / "gold").mkdir()
    (contracts / "gold" / "mine.yaml").write_text(
        (SMALL / "contracts" / "gold" / "customer_orders.yaml").read_text().replace("customer_orders", "mine")
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


@pytest.mark.parametrize(
    ("error", "later"),
    [
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), True),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1:1"), True),
        (NoCredentialsError(), False),
        (NoRegionError(), False),
        (_answered("AccessDenied", 403), False),
        (_answered("ThrottlingException", 400), True),
        (_answered("InternalError", 500), True),
    ],
)
def test_aws_is_asked_again_only_where_that_can_help(error: ClientError | BotoCoreError, later: bool) -> None:
    assert refused_by_aws(error).retryable is later


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


def test_an_error_that_is_told_what_it_does_not_know_is_a_mistake_of_its_caller() -> None:
    with pytest.raises(TypeError, match="nextstep"):
        SluiceError("It fails.", nextstep="mend it.")  # type: ignore[call-arg]
