"""The answer of a rollback says what is on its way to the table, since that ends its hold."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from sluice.cli import all_commands, planning
from sluice.ledger import Delivery

DONE = {"table": "gold.x", "snapshot": "3", "to": "1", "since": "2", "rows": 6, "rows_before": 7}
HELD = {
    "orders": [("a", "committed"), ("b", "staged"), ("c", "failing"), ("d", "retracted")],
    "lines": [("e", "set_aside")],
    "rates": [("f", "committed"), ("g", "duplicate")],
}


class Known:
    """A ledger that holds ``HELD``."""

    def __init__(self, table: str) -> None:
        assert table == "ledger"

    def deliveries(self, dataset: str) -> list[Delivery]:
        return [Delivery(dataset, name, status) for name, status in HELD[dataset]]  # type: ignore[arg-type]


class Deployed:
    """What is deployed, as far as a rollback asks."""

    run_function = "run"

    class settings:  # noqa: N801 - an attribute of the real one
        ledger_table, refresh_machine = "ledger", "machine"


class Aws:
    """Any service."""

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "somebody"}

    def start_execution(self, **_: Any) -> None:
        """Begin nothing."""


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the function answers."""
    said: dict[str, Any] = {"done": DONE, "made_of": list(HELD)}
    monkeypatch.setattr(planning, "Ledger", Known)
    monkeypatch.setattr(planning, "client", lambda _: Aws())
    monkeypatch.setattr(planning, "_ask", lambda *_, **__: said)
    monkeypatch.setattr("sluice.cli.deployment.deployed", lambda _: Deployed)
    return said


def rolled_back() -> str:
    done = CliRunner().invoke(all_commands(), ["rollback", "gold.x", "--to", "1"])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_a_rollback_tells_the_files_on_their_way_to_its_table(answer: dict[str, Any]) -> None:
    assert planning.roll_back(Deployed, "gold.x", "1") == {**DONE, "in_flight": {"orders": 2, "lines": 1}}  # type: ignore[arg-type]
    assert "Files are on their way to it (2 of orders, 1 of lines)" in rolled_back()


@pytest.mark.parametrize("made_of", [["rates"], [], None])
def test_a_rollback_with_nothing_on_its_way_tells_nothing_of_it(
    answer: dict[str, Any], made_of: list[str] | None
) -> None:
    answer["made_of"] = made_of
    if made_of is None:  # as a function of an earlier deployment answers
        del answer["made_of"]
    assert planning.roll_back(Deployed, "gold.x", "1")["in_flight"] == {}  # type: ignore[arg-type]
    assert "on their way" not in rolled_back()
