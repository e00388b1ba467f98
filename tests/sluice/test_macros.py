"""A connection has the macros that its SQL calls, and those that they call; the others are not made."""

from __future__ import annotations

import itertools
import re

import duckdb
import pytest

from sluice.confined import connect
from sluice.macros import macros

EACH = re.findall(r"CREATE MACRO (\w+)\(s\) AS", macros())


def made(*texts: str) -> list[str]:
    """The names of the macros that are made for SQL texts."""
    return re.findall(r"CREATE MACRO (\w+)\(s\) AS", macros(texts))


@pytest.mark.parametrize("name", EACH)
def test_a_macro_answers_alike_alone_and_beside_the_others(name: str) -> None:
    query = f"SELECT {name}(s) FROM (VALUES (' İΣ Σas '), ('2024-1-7'), (' 12 '), ('yes'), (NULL)) AS _(s)"
    with connect(calling=[query]) as few, connect() as all_of_them:
        assert few.execute(query).fetchall() == all_of_them.execute(query).fetchall()


def test_only_what_is_called_is_made() -> None:
    assert made("SELECT upper(s) FROM sluice_lower") == made() == []
    assert made("SELECT sluice_upper(s)") == ["sluice_upper"]
    assert made("SELECT sluice_initcap(s)") == ["sluice_lower", "sluice_initcap"]
    with connect(calling=[]) as connection, pytest.raises(duckdb.CatalogException):
        connection.execute("SELECT sluice_upper('a')")


def test_what_several_texts_call_is_made_once_each() -> None:
    for one, other in itertools.product(EACH, EACH):
        names = made(f"SELECT {one}(s)", f"SELECT {other}({one}(s))")
        assert {one, other} <= set(names)
        assert len(names) == len(set(names))
