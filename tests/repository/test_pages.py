"""What the repository's pages name is there: files, targets of the Makefile, commands; forms and hooks can be read."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from sluice.cli import all_commands, names_of
from tests.folders import ROOT
from tests.repository.workflows import read

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z_-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
COMMANDS = names_of(all_commands())
FOLDERS = "sluice|shopsphere|localaws|infra|lambdas|glue_jobs|contracts|step_functions|tests|docs|benchmarks"
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


def missing(page: Path, text: str) -> list[str]:
    """What ``text``, standing in ``page``, names and is not there."""
    found = [
        link
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
        if "://" not in link and not (page.parent / link).exists()
    ]
    found += [
        f"make {name}" for name in re.findall(r"(?:^|`)make ([a-z]+)\b", text, re.MULTILINE) if name not in TARGETS
    ]
    found += [
        f"sluice {name}"
        for name in re.findall(r"(?:^|`|&& )sluice ([a-z]+)\b", text, re.MULTILINE)
        if name not in COMMANDS
    ]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    assert missing(page, page.read_text()) == []


def test_what_is_not_there_is_found() -> None:
    text = (
        "[a](gone.md) [b](README.md#x)\n`make nothing` make sense, `make demo`\nsluice conjure\n`sluice up` && sluice x"
    )
    assert missing(ROOT / "x.md", text) == ["gone.md", "make nothing", "sluice conjure", "sluice x"]


def test_where_to_add_names_what_is_there() -> None:
    (table,) = re.findall(r"## Where to add\n(.*?)\n## ", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    named = re.findall(rf"`((?:{FOLDERS})/[\w./]*)`", table)
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_of_an_issue_asks_for_something(form: Path) -> None:
    asked = read(form)
    assert asked["name"]
    assert asked["description"]
    fields = [each for each in asked["body"] if each["type"] != "markdown"]
    assert len({each["id"] for each in fields}) == len(fields)
    assert all(each["attributes"]["label"] for each in fields)
    assert any(each.get("validations", {}).get("required") == "true" for each in fields)


def test_hooks_run_the_locked_tools_and_download_nothing() -> None:
    declared = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [each["repo"] for each in declared] == ["local"]
    for hook in declared[0]["hooks"]:
        assert hook["language"] == "system"
        assert (ROOT / hook["entry"].split()[0]).is_file(), hook["entry"]


def test_the_index_of_decisions_names_each_once_by_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"^- \[(\d{4})\]\((\S+)\): (.+)$", (folder / "README.md").read_text(), re.MULTILINE)
    pages = sorted(folder.glob("[0-9]*.md"))
    titles = [re.sub(r"^# \d+[.:] ", "", page.read_text().splitlines()[0]) for page in pages]
    assert listed == [(page.name[:4], page.name, title) for page, title in zip(pages, titles, strict=True)]


def test_the_pages_and_the_makefile_want_the_pythons_that_the_project_runs_on() -> None:
    (oldest, above) = re.findall(
        r'^requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )[0]
    span = f"Python 3.{oldest} to 3.{int(above) - 1}"
    for name in ("README.md", "CONTRIBUTING.md", "Makefile"):
        text = (ROOT / name).read_text()
        assert span in text, name
        assert not re.search(r"3\.\d+\+|or newer", text), name
    assert f"(3, {oldest}) <= sys.version_info < (3, {above})" in (ROOT / "Makefile").read_text()


def test_the_page_of_status_names_each_key_of_its_json() -> None:
    tree = ast.parse((ROOT / "sluice" / "cli" / "status_output.py").read_text())
    made = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in {"as_json", "_dataset"}]
    dicts = [node for function in made for node in ast.walk(function) if isinstance(node, ast.Dict)]
    keys = {key.value for each in dicts for key in each.keys if isinstance(key, ast.Constant)}
    assert {"healthy", "shard", "refusal", "message_id"} <= keys
    told = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "reference" / "status.md").read_text()))
    assert sorted(keys - told) == []


def test_the_page_of_new_names_each_key_of_its_json_and_what_is_suspicious() -> None:
    keys: set[str] = set()
    for path in ("cli/drafting.py", "cli/deriving.py", "profiling/profiles.py"):
        tree = ast.parse((ROOT / "sluice" / path).read_text())
        made = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "as_data"]
        dicts = [node for function in made for node in ast.walk(function) if isinstance(node, ast.Dict)]
        keys |= {key.value for each in dicts for key in each.keys if isinstance(key, ast.Constant)}
    assert {"quarantined", "suspicious", "inputs"} <= keys
    page = (ROOT / "docs" / "reference" / "new.md").read_text()
    assert sorted(keys - set(re.findall(r"`(\w+)`", page))) == []
    tree = ast.parse((ROOT / "sluice" / "profiling" / "suspicions.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Suspicion"]
    said = {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}
    assert "far from most others" in said
    assert (
        sorted(what for what in said if what not in page.replace("before 1900, after", "before 1900; days after")) == []
    )


def test_the_example_of_a_derived_table_is_the_real_ones_declaration() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    real = (ROOT / "glue_jobs" / "gold" / "daily_sales.py").read_text()

    def declared(source: str) -> tuple[list[str], str]:
        (function,) = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
        return [ast.unparse(each) for each in function.decorator_list], ast.unparse(function.args)

    assert declared(example) == declared(real)
