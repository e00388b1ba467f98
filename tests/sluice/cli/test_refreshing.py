"""What `sluice refresh` brings forward: all that waits, a table and what it needs, or what is staged of a dataset."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from sluice.cli import deployment, planning
from sluice.cli.commands.refresh import commands

Asked = list[tuple[str, Any]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    made: Asked = []

    def forward(_: object, *, datasets: Any, through: bool, named: bool = False) -> list[str]:
        assert through
        assert named is (datasets != "*")
        made.append(("datasets", datasets))
        return ["clicks"]

    def start(_: object, table: str | None) -> str:
        made.append(("refresh", table))
        return "e1"

    monkeypatch.setattr(deployment, "deployed", lambda _: None)
    monkeypatch.setattr(planning, "bring_forward", forward)
    monkeypatch.setattr(planning, "start_refresh", start)
    return made


@pytest.mark.parametrize(
    ("given", "wanted", "told"),
    [
        ([], [("datasets", "*"), ("refresh", None)], {"started": True, "execution": "e1", "committed": ["clicks"]}),
        (["gold.x"], [("refresh", "gold.x")], {"started": True, "execution": "e1", "committed": []}),
        (
            ["bronze.clicks"], [("datasets", ["clicks"])],
            {"started": False, "execution": None, "committed": ["clicks"]},
        ),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_brought_forward(asked: Asked, given: list[str], wanted: Asked, told: Any) -> None:
    answer = CliRunner().invoke(commands, [*given, "--json"])
    assert (answer.exit_code, json.loads(answer.stdout)) == (0, told)
    assert asked == wanted
