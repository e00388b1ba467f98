"""What the repository's pages name is there: files, targets of the Makefile, commands; forms and hooks can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from sluice.cli import all_commands, names_of
from sluice.folders import ROOT
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
