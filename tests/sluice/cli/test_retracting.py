"""What `sluice retract` tells of a delivery is the same before, when it is done, and when it is asked again."""

from __future__ import annotations

import pytest

from sluice.cli import retracting
from sluice.cli.retracting import Retracted, retract
from sluice.ledger import Delivery

COMMITTED = Delivery("orders", "d1", "committed", "s3://landing/orders/x.csv", "v1", accepted=228, quarantined=1)
UNREADABLE = Delivery("orders", "d2", "rejected", "s3://landing/orders/y.csv", "v2", quarantined=None)


def told(delivery: Delivery, monkeypatch: pytest.MonkeyPatch, *, dry_run: bool = True) -> Retracted:
    """What is told of a delivery that the ledger has; nothing is asked of anybody."""

    class Known:
        def __init__(self, table: str) -> None:
            assert table == "ledger"

        def known(self, keys: object) -> dict[str, Delivery]:
            return {delivery.delivery_id: delivery}

    class Deployed:
        class settings:  # noqa: N801 - an attribute of the real one
            ledger_table = "ledger"

    monkeypatch.setattr(retracting, "Ledger", Known)
    monkeypatch.setattr(retracting, "contracted_datasets", lambda _: {"orders"})
    monkeypatch.setattr(retracting, "ask_planner", lambda *_: {"tables": ["silver.orders"]})
    return retract(Deployed, delivery.delivery_id, dry_run=dry_run, timeout=0, tell=print)  # type: ignore[arg-type]


@pytest.mark.parametrize("before", [COMMITTED, UNREADABLE])
def test_a_delivery_that_is_retracted_already_is_told_with_the_numbers_that_left_each_table(
    before: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    would = told(before, monkeypatch)
    again = told(before.taken_back(accepted=before.accepted, quarantined=1, at=1.0), monkeypatch)
    assert (would.done, again.done, again.already) == (False, True, True)
    assert (again.accepted, again.quarantined) == (would.accepted, would.quarantined)
    assert again.records == would.records
