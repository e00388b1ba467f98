"""What a command is given is what typer makes of it, whether Pydantic is asked or not."""

from __future__ import annotations

from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.core import TyperOption
from typer.main import get_command

from sluice.cli.parameters import taken_as_given


class Plain(Enum):
    one = "first"


class Text(StrEnum):
    one = "first"


def doubled(text: str) -> str:
    return text * 2


def command() -> Any:
    typed = typer.Typer(add_completion=False)

    @typed.command()
    def run(
        text: str = "a",
        none: str | None = None,
        several: list[str] | None = None,
        plain: Plain = Plain.one,
        of_text: Text = Text.one,
        loose: Annotated[Text, typer.Option(case_sensitive=False)] = Text.one,
        parsed: Annotated[str, typer.Option(parser=doubled)] = "b",
        path: Path = Path("c"),
        number: Annotated[int, typer.Option(max=5)] = 3,
        flag: bool = False,
    ) -> None: ...

    return get_command(typed)


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["--text", ""],
        ["--none", "x", "--several", "x", "--several", "y"],
        ["--plain", "first", "--of-text", "first", "--loose", "FIRST"],
        ["--plain", "one"],
        ["--of-text", "FIRST"],
        ["--parsed", "x", "--path", "y", "--number", "5", "--flag"],
        ["--number", "6"],
        ["--number", "x"],
    ],
    ids=" ".join,
)
def test_a_value_is_what_typer_makes_of_it(given: list[str]) -> None:
    def values(made: Any) -> Any:
        try:
            return made.make_context("run", list(given)).params
        except typer.BadParameter as error:
            return error.format_message()

    light = command()
    assert len(taken_as_given(light.params)) == 10
    assert all(isinstance(each, TyperOption) for each in light.params)
    expected, found = values(command()), values(light)
    assert found == expected
    if isinstance(found, dict):
        assert [type(each) for each in found.values()] == [type(each) for each in expected.values()]
