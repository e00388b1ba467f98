"""A table that is made anew is dropped once, however many of its columns change and however often it is deployed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sluice.cli import deploying
from sluice.cli.declared_changes import TableChange


class Glue:
    """The catalog with the tables that are in it, as a client of boto3 shows it."""

    class exceptions:  # noqa: N801 (the client's name)
        class EntityNotFoundException(Exception):
            """There is no such table."""

    def __init__(self, tables: set[str]) -> None:
        self.tables = tables

    def delete_table(self, **named: str) -> None:
        name = f"{named['DatabaseName']}.{named['Name']}"
        if name not in self.tables:
            raise self.exceptions.EntityNotFoundException(name)
        self.tables.remove(name)


def impossible(table: str, column: str) -> TableChange:
    return TableChange(table, f"column {column} from int to string", "all rows", possible=False)


@pytest.mark.parametrize("times", [1, 2])
def test_a_table_goes_once_and_the_others_stay(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    glue: Any = Glue({"t_bronze.visits", "t_bronze.orders", "t_gold.days"})
    settings = SimpleNamespace(database=lambda layer: f"t_{layer}")
    monkeypatch.setattr(deploying, "client", lambda _: glue)
    monkeypatch.setattr(deploying, "deployed", lambda *_: SimpleNamespace(settings=settings))
    changes = [
        impossible("bronze.visits", "a"),
        impossible("bronze.visits", "b"),
        TableChange("gold.days", "another contract"),
    ]
    for _ in range(times):
        deploying._drop(changes, "dev", [])
    assert glue.tables == {"t_bronze.orders", "t_gold.days"}


@pytest.mark.parametrize(
    ("arrives", "said", "unsaid"),
    [
        ("files", "a copy of it is, in a folder below", "stream"),
        ("stream", "come back only when they are sent again", "aws s3 cp"),
        ("", "makes bronze.visits anew, empty", ":"),
    ],
)
def test_how_rows_come_back_is_said_of_what_arrives_so(arrives: str, said: str, unsaid: str) -> None:
    change = TableChange("bronze.visits", "column a from int to string", "all rows", False, arrives)
    step = deploying._accepting([change])
    assert said in step
    assert unsaid not in step
