"""``docs/reference/commands.md``: every command of `sluice` and of `python -m localaws`, from what reads its line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Any

import typer

from localaws.__main__ import parser
from sluice.cli.commands import joined
from tests.docs.reference.page import page, paragraphs, said, table

#: Typer's names for types, as users call them.
_TYPES = {"<str>": "TEXT", "<int range>": "NUMBER", "<int>": "NUMBER", "<float range>": "NUMBER", "<float>": "NUMBER"}
STATUS = """It ends with 0 when all is well, 1 when it found something or failed, 2 when it was used wrongly.
With `--json` an error is an object on standard error: [errors](errors.md)."""


def commands_page(cli: typer.Typer | None = None) -> str:
    """Return the page."""
    group: Any = typer.main.get_command(cli or joined().cli)
    ctx = group.make_context("sluice", [], resilient_parsing=True)
    parts = ["## sluice", STATUS, *_options("sluice", group, ctx)]
    for name in group.list_commands(ctx):
        parts += _command(f"sluice {name}", group.commands[name])
    gets = "Every command, argument and option. `sluice COMMAND --help` says the same."
    return page("Commands", gets, *parts, *_localaws())


def _command(path: str, command: Any) -> Iterator[str]:
    """Yield a command's parts, and those of the commands in it."""
    ctx = command.make_context(path, [], resilient_parsing=True)
    yield f"## {path}"
    yield paragraphs(command.help, f"the command `{path}`")
    yield f"`{_plain(' '.join([path, *command.collect_usage_pieces(ctx)]))}`"
    yield from _options(path, command, ctx)
    for name in getattr(command, "commands", {}):
        yield from _command(f"{path} {name}", command.commands[name])


def _options(path: str, command: Any, ctx: Any) -> Iterator[str]:
    rows = []
    for given in command.get_params(ctx):
        if given.hidden or "--help" in given.opts:
            continue
        written, told = given.get_help_record(ctx)
        text, default = _default(told)
        shown = written.partition(" <")[0] if given.param_type_name == "argument" else _plain(written)
        rows.append((f"`{shown}`", said(text, f"`{path}`, {written}"), default))
    if rows:
        yield table(("argument or option", "what", "when it is left out"), rows)


def _plain(written: str) -> str:
    for theirs, ours in _TYPES.items():
        written = written.replace(theirs, ours)
    return re.sub(r"[{}]", "", written.replace(" <list[str]>", ""))


def _default(text: str) -> tuple[str, str]:
    """Return a help text and its default, which typer writes behind it."""
    found = re.fullmatch(r"(.*?)\s*(?:\[(.*)\])?", text, re.DOTALL)
    assert found
    told = [part.strip() for part in (found[2] or "").split(";")]
    bounds = [part for part in told if part and not part.startswith("default") and part != "required"]
    default = next((part.removeprefix("default: ") for part in told if part.startswith("default")), "")
    words = "needed" if "required" in told else f"`{default}`" if default else ""
    return found[1], ", ".join((words, *(f"`{part}`" for part in bounds))).strip(", ")


def _localaws() -> Iterator[str]:
    read = parser()
    (inner,) = (each for each in read._actions if isinstance(each, argparse._SubParsersAction))
    helps = {each.dest: each.help for each in inner._choices_actions}
    for name, command in inner.choices.items():
        path = f"python -m localaws {name}"
        yield f"## {path}"
        yield f"It will {said(helps.get(name), f'the command `{path}`')}."
        rows = [
            (
                f"`{' '.join([*each.option_strings, *([each.dest.upper()] if each.nargs != 0 else [])])}`",
                f"{said(each.help, f'`{path}`, {each.option_strings}')}",
                f"`{each.default}`" if each.nargs != 0 and each.default is not None else "",
            )
            for each in command._actions
            if each.dest != "help"
        ]
        if rows:
            yield table(("option", "what", "when it is left out"), rows)
