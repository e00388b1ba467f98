"""Joins commands of many modules and packages to one command line, on which each name has one owner."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from typer.main import get_command_from_info, get_group, get_group_from_info
from typer.models import TyperInfo


class CannotJoin(Exception):
    """Commands that cannot be used beside the others; the text is why."""


class Joined:
    """The command line ``cli`` and who brought which of its names."""

    def __init__(self, cli: typer.Typer) -> None:
        self.cli = cli
        self._owners: dict[str, tuple[str, str]] = {}

    def join(self, brought: object, owner: str) -> None:
        """Add the commands and groups of ``owner``; all of them, or raise ``CannotJoin`` and add nothing.

        Names that differ by case only are one. A group's inner names are its own.
        """
        if not isinstance(brought, typer.Typer):
            raise CannotJoin(f"it is a {type(brought).__name__}, not a typer.Typer")
        names = list(_top_names(brought))
        if not names:
            raise CannotJoin("it holds no command")
        for name in names:
            if taken := self._owners.get(name.casefold()):
                raise CannotJoin(f"there is a command {taken[0]} already, of {taken[1]}")
        _refuse_twice(names)
        self._owners |= {name.casefold(): (name, owner) for name in names}
        self.cli.add_typer(brought)


def names_of(typed: typer.Typer) -> set[str]:
    """Return the names of the commands and groups of ``typed``, as they are at the prompt; all of them are built."""
    return set(get_group(typed).commands)


def _top_names(brought: typer.Typer) -> Iterator[str]:
    """Yield every name that ``brought`` adds at the prompt, as often as it does; all its commands are built."""
    return _names(TyperInfo(brought))


def _names(info: TyperInfo) -> Iterator[str]:
    """Yield the group's name, or where it has none those that it holds; CannotJoin for a name twice inside of it."""
    typed = info.typer_instance
    assert typed is not None
    inner = [
        get_command_from_info(each, pretty_exceptions_short=False, rich_markup_mode=None).name or ""
        for each in typed.registered_commands
    ]
    inner += [name for each in typed.registered_groups for name in _names(each)]
    group = get_group_from_info(info, pretty_exceptions_short=False, suggest_commands=False, rich_markup_mode=None)
    if group.name:
        _refuse_twice(inner)
        yield group.name
    elif group.callback is not None:
        raise CannotJoin("it has a callback but no name: without a group's name it would never be called")
    else:
        yield from inner


def _refuse_twice(names: list[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if other := seen.get(name.casefold()):
            raise CannotJoin(f"it holds the name {name} twice" + (f", once as {other}" if other != name else ""))
        seen[name.casefold()] = name
