"""The reference says what the code has: its pages are those that the code makes, and nothing in them lacks a word."""

from __future__ import annotations

import inspect
import shutil
from pathlib import Path
from types import ModuleType

import pytest
import typer
import yaml

from sluice import environments, errors
from sluice.load import load_contracts
from tests.docs.reference.commands import commands_page
from tests.docs.reference.contract_fields import EXAMPLES, contract_fields_page, fields
from tests.docs.reference.environments import environments_page
from tests.docs.reference.errors import errors_page
from tests.docs.reference.field_texts import TEXTS, TITLES
from tests.docs.reference.page import Undocumented
from tests.docs.reference.pages import FOLDER, PAGES

#: Imports moto's side of every service, which takes seconds.
_SLOW = ("local-aws.md",)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n in _SLOW else []) for n in PAGES])
def test_a_generated_page_is_the_one_that_the_code_makes(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_a_command_an_option_and_an_argument_that_say_nothing_are_refused() -> None:
    def told(value: str = typer.Option("", help="A value.")) -> None:
        """Do it."""

    def silent_option(value: str = typer.Option("")) -> None:
        """Do it."""

    def silent_argument(value: str = typer.Argument()) -> None:
        """Do it."""

    def silent() -> None: ...

    def made(function: object) -> str:
        cli = typer.Typer(add_completion=False)
        cli.command("other")(told)
        cli.command("it")(function)  # type: ignore[type-var]
        return commands_page(cli)

    assert "`--value TEXT`" in made(told)
    for function in (silent_option, silent_argument, silent):
        with pytest.raises(Undocumented, match="sluice it"):
            made(function)


def test_a_command_in_a_group_is_on_the_page() -> None:
    inner, cli = typer.Typer(name="deep"), typer.Typer(add_completion=False)
    inner.command("one", help="First.")(lambda: None)
    inner.command("two", help="Second.")(lambda: None)
    inner.callback(help="Deeper.")(lambda: None)
    cli.add_typer(inner)
    cli.command("top", help="Top.")(lambda: None)
    page = commands_page(cli)
    assert [name for name in ("## sluice deep", "## sluice deep one", "## sluice deep two") if name not in page] == []


@pytest.mark.parametrize("kind", TEXTS)
def test_a_field_of_a_contract_without_a_text_is_refused(kind: str) -> None:
    for name in TEXTS[kind]:
        silent = {**TEXTS, kind: {**TEXTS[kind], name: " "}}
        with pytest.raises(Undocumented, match=f"the field {name} of {kind}"):
            contract_fields_page(silent)


def test_no_text_is_of_a_field_that_there_is_not() -> None:
    assert {kind: sorted(texts) for kind, texts in TEXTS.items()} == {k: sorted(names) for k, names in fields().items()}
    assert set(TITLES) == set(TEXTS)


def test_a_field_that_no_example_has_is_refused(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    file = tmp_path / "examples" / "orders.yaml"
    file.write_text(file.read_text().replace("      compression: gzip\n", ""))
    with pytest.raises(Undocumented, match="compression of arrival"):
        contract_fields_page(folder=tmp_path / "examples")


def test_the_example_contracts_are_sound_and_each_line_is_yaml() -> None:
    assert {each.table for each in load_contracts([EXAMPLES])} >= {
        "bronze.orders",
        "bronze.clicks",
        "gold.daily_orders",
    }
    cells = [
        line.split(" | ")[-1] for line in (FOLDER / "contract-fields.md").read_text().splitlines() if "` |" in line
    ]
    lines = [cell.removesuffix(" |").strip("`").replace("\\|", "|") for cell in cells if ": " in cell]
    assert len(lines) == sum(map(len, fields().values()))
    assert [line for line in lines if not isinstance(yaml.safe_load(f"{{{line}}}"), dict)] == []


def test_a_setting_without_a_comment_is_refused() -> None:
    source = inspect.getsource(environments)
    comment = next(line for line in source.splitlines() if "#: Records of one call" in line)
    with pytest.raises(Undocumented, match="stream_batch"):
        environments_page(source.replace(f"{comment}\n", ""))


def test_an_error_without_a_docstring_of_its_own_is_refused() -> None:
    module = ModuleType("toy")
    bare = type("Bare", (errors.CommandError,), {"__module__": "toy"})
    bare.__doc__ = None
    vars(module).update(Bare=bare, __all__=["Bare"])
    with pytest.raises(Undocumented, match="Bare"):
        errors_page(module)
