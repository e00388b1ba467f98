"""Each mistake that people make is told with file, line, what it is and the next step; all of a project are at once."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sluice.environments import read_environments
from sluice.errors import EnvironmentRefused, SluiceError
from sluice.load import load_contracts, load_project
from tests.sluice.mistakes import IN_CONTRACTS, IN_TRANSFORMS, ORDERS, SAID_ONCE, TOGETHER, Mistake, derived


def errors_of(folder: Path) -> tuple[SluiceError, ...]:
    with pytest.raises(SluiceError) as told:
        load_contracts([folder])
    return told.value.together


def line_of(text: str, part: str) -> int:
    return text[: text.rindex(part)].count("\n") + 1


def holds(error: SluiceError, file: Path, text: str, mistake: Mistake) -> None:
    """Assert that the error says all that it must."""
    line = line_of(text, mistake.line)
    assert error.what.startswith(f"{file}:{line}: "), error.what
    assert (error.file, error.position) == (str(file), line)
    assert [said for said in mistake.said if said not in str(error)] == [], str(error)
    assert error.safe
    assert "sluice check" in error.next_step


@pytest.mark.parametrize("name", IN_CONTRACTS)
def test_a_mistake_in_a_contract_is_told_with_its_line_and_what_was_meant(name: str, tmp_path: Path) -> None:
    mistake = IN_CONTRACTS[name]
    assert mistake.old in ORDERS
    text = ORDERS.replace(mistake.old, mistake.new, 1)
    (tmp_path / "orders.yaml").write_text(text)

    found = errors_of(tmp_path)

    assert len(found) == 1, [each.what for each in found]
    holds(found[0], tmp_path / "orders.yaml", text, mistake)


def test_a_contract_that_is_not_utf_8_is_told_with_the_line_of_the_first_byte(tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_bytes(ORDERS.replace("id: shop.orders", "id: shöp.orders").encode("latin-1"))
    (error,) = errors_of(tmp_path)
    assert error.what.startswith(f"{tmp_path / 'orders.yaml'}:3: contract: not UTF-8: ")
    assert "save it as UTF-8" in error.next_step

    assert "iconv -f WINDOWS-1252" in error.next_step
    assert "codec" not in error.what


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_a_contract_of_wide_characters_is_told_so_with_the_command_that_makes_utf_8(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "of ours" / "orders.yaml"
    path.parent.mkdir()
    path.write_bytes(ORDERS.encode(encoding))
    (error,) = errors_of(tmp_path)
    assert error.what == f"{path}:1: contract: it is {encoding[:6].upper()}, and a contract is UTF-8."
    command = error.next_step.partition("`")[2].partition(" > NEW`")[0]
    done = subprocess.run(shlex.split(command), capture_output=True, check=True)
    assert done.stdout.decode() == ORDERS


@pytest.mark.parametrize(("schema", "what"), [("", "there is none"), ("schema: []\n", "there is none"),
                                              ("schema: [{name: a}, {name: b}]\n", "here are 2")])  # fmt: skip
def test_a_contract_without_one_table_is_told_how_many_it_has(tmp_path: Path, schema: str, what: str) -> None:
    (tmp_path / "orders.yaml").write_text(f"apiVersion: v3.1.0\nkind: DataContract\nid: shop.orders\n{schema}")
    assert what in errors_of(tmp_path)[0].what


def test_two_datasets_with_one_prefix_are_told_with_the_line_of_the_second(tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(ORDERS)
    (tmp_path / "orders_again.yaml").write_text(ORDERS)
    (error,) = errors_of(tmp_path)
    assert error.what.startswith(f"{tmp_path / 'orders_again.yaml'}:14: ")
    assert "bronze.orders is already declared in" in error.what
    assert "what lands under orders/ would be of both" in error.what


def test_all_mistakes_of_a_contract_are_told_at_once_in_the_order_of_its_lines(tmp_path: Path) -> None:
    text = ORDERS
    for name in TOGETHER:
        assert IN_CONTRACTS[name].old in text, name
        text = text.replace(IN_CONTRACTS[name].old, IN_CONTRACTS[name].new, 1)
    (tmp_path / "orders.yaml").write_text(text)

    found = errors_of(tmp_path)

    lines = [error.position or 0 for error in found]
    assert lines == sorted(lines)
    assert len(found) == len(TOGETHER), "\n".join(each.what for each in found)
    for name in TOGETHER:
        mistake = IN_CONTRACTS[name]
        (error,) = [each for each in found if each.position == line_of(text, mistake.line)]
        holds(error, tmp_path / "orders.yaml", text, mistake)


def test_a_mistake_hides_none_of_another_file_and_checks_of_a_broken_table_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "silver").mkdir()
    for number, name in enumerate(sorted(IN_CONTRACTS)):
        text = ORDERS.replace("orders", f"orders_{number}")
        mistake = IN_CONTRACTS[name]
        old, new = (part.replace("orders", f"orders_{number}") for part in (mistake.old, mistake.new))
        (tmp_path / f"orders_{number}.yaml").write_text(text.replace(old, new, 1))
    more = "        relationships:\n          - to: bronze.orders_0.order_id\n"
    (tmp_path / "silver" / "sound.yaml").write_text(derived("silver.sound", more=more))

    found = errors_of(tmp_path)

    assert [each.file for each in found] == [str(file) for file in sorted(tmp_path.glob("*.yaml"))]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SluiceError]:
    """All that a check says of a project with every mistake that a transform can have, by file."""
    folder = tmp_path_factory.mktemp("shop")
    for database in ("silver", "gold"):
        (folder / "contracts" / database).mkdir(parents=True)
        (folder / "glue_jobs" / database).mkdir(parents=True)
    (folder / "contracts" / "orders.yaml").write_text(ORDERS)
    (folder / "contracts" / "broken.yaml").write_text(ORDERS.replace("orders", "broken").replace("csv", "cvs"))
    for table, (module, _, _) in IN_TRANSFORMS.items():
        place = table.replace(".", "/")
        (folder / "contracts" / f"{place}.yaml").write_text(derived(table))
        (folder / "glue_jobs" / f"{place}.py").write_text(module)
    of_broken = (
        IN_TRANSFORMS["silver.raises"][0].replace("raises", "of_broken").replace("bronze.orders", "bronze.broken")
    )
    (folder / "contracts" / "silver" / "of_broken.yaml").write_text(derived("silver.of_broken"))
    (folder / "glue_jobs" / "silver" / "of_broken.py").write_text(of_broken)
    with pytest.raises(SluiceError) as told:
        load_project([folder / "contracts"])
    found = {str(error.file): error for error in told.value.together}
    assert len(found) == len(told.value.together), [each.what for each in told.value.together]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("table", IN_TRANSFORMS)
def test_a_mistake_in_a_transform_is_told_with_its_line_and_without_a_traceback(
    table: str, checked: dict[str, SluiceError]
) -> None:
    module, part, said = IN_TRANSFORMS[table]
    named = SAID_ONCE[-1] if table in SAID_ONCE else table
    found = [error for file, error in checked.items() if file.endswith(f"glue_jobs/{named.replace('.', '/')}.py")]
    (error,) = found
    if named == table and part:
        line = line_of(module, part)
        assert error.what.startswith(f"{error.file}:{line}: "), error.what
        assert error.position == line
    assert [each for each in said if each not in str(error)] == [], str(error)
    assert "Traceback" not in str(error)
    assert error.next_step


@pytest.mark.slow
def test_every_mistake_of_a_project_is_told_once_and_what_needs_a_broken_contract_says_nothing(
    checked: dict[str, SluiceError],
) -> None:
    files = {"/".join(Path(file).parts[-2:]) for file in checked}
    wanted = {f"{table.replace('.', '/')}.py" for table in IN_TRANSFORMS if table != SAID_ONCE[0]}
    assert files == {*wanted, "contracts/broken.yaml"}


@pytest.mark.slow
def test_check_prints_all_errors_as_one_object_on_standard_output(tmp_path: Path) -> None:
    (tmp_path / "contracts" / "silver").mkdir(parents=True)
    (tmp_path / "glue_jobs" / "silver").mkdir(parents=True)
    (tmp_path / "contracts" / "orders.yaml").write_text(ORDERS)
    (tmp_path / "contracts" / "broken.yaml").write_text(ORDERS.replace("orders", "broken").replace("csv", "cvs"))
    (tmp_path / "contracts" / "silver" / "raises.yaml").write_text(derived("silver.raises"))
    (tmp_path / "glue_jobs" / "silver" / "raises.py").write_text(IN_TRANSFORMS["silver.raises"][0])

    def check(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from sluice.cli import app; app()", "check", "--contracts", "contracts", *more],
            cwd=tmp_path, env={**os.environ, "COLUMNS": "80"}, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    asked = check("--json")
    told = json.loads(asked.stdout)
    assert (asked.returncode, asked.stderr, told["sound"]) == (1, "", False)
    assert [(each["error"], each["position"]) for each in told["errors"]] == [
        ("ContractError", 10),
        ("TransformError", 7),
    ]
    assert all({"what", "safe", "next_step", "dataset", "file", "position"} <= each.keys() for each in told["errors"])
    assert "KeyError" in told["errors"][1]["trace"]

    said = check()
    assert (said.returncode, said.stdout) == (1, "")
    assert "2 errors.\n" in said.stderr
    assert "Traceback" not in said.stderr
    assert "Traceback" in check("--traceback").stderr


def test_every_key_that_stands_twice_is_told(tmp_path: Path) -> None:
    text = ORDERS.replace("version: 1.0.0", "version: 1.0.0\nid: again").replace(
        "required: true", "required: true\n        required: true"
    )
    (tmp_path / "orders.yaml").write_text(text)
    assert [(each.position, each.what.partition("key ")[2][:10]) for each in errors_of(tmp_path)] == [
        (5, "'id' stand"), (23, "'required'"),
    ]  # fmt: skip


def test_every_mistake_of_the_environments_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "environments.yaml"
    file.write_text(
        "name_prefix: Shop\nenvironments:\n  dev:\n    regoin: us-east-1\n    keep_data: maybe\n    log_days: 2\n"
        "  TEST:\n    region: us-east-1\n  prod:\n    region: moon\n    keep_data: true\n"
    )
    with pytest.raises(EnvironmentRefused) as told:
        read_environments(file)
    said = [
        (each.position, each.what.rpartition(": ")[2] if each.position != 4 else each.what)
        for each in told.value.together
    ]
    assert [line for line, _ in said] == [1, 4, 5, 6, 7, 7, 10]
    assert "did you mean region?" in said[1][1]


@pytest.mark.parametrize("key", ["schema_", "from_", "name_", "kind_"])
def test_a_key_that_is_called_as_pythons_own_names_are_is_told_as_any_other(key: str, tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(f"{key}: 1\n{ORDERS}")
    found = errors_of(tmp_path)
    assert [each.position for each in found] == [1]
    assert "no such field" in found[0].what


def test_a_column_without_a_name_is_told_whatever_else_it_has(tmp_path: Path) -> None:
    text = derived("silver.x")
    broken = text.replace(
        "    properties:\n",
        "    properties:\n"
        "      - physicalType: string\n"
        "        relationships: [{to: bronze.orders.order_id}]\n"
        "        quality: [{type: library, metric: nullValues, mustBe: 0}]\n",
        1,
    )
    assert broken != text
    (tmp_path / "x.yaml").write_text(broken)
    assert any("name" in each.what for each in errors_of(tmp_path))
