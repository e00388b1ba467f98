"""How a run goes on DuckDB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sluice.project import Project
from sluice.refresh.duckdb.engine import DuckDbEngine
from sluice.refresh.record import Run
from tests.sluice.refresh.behaviour import Behaviour, MoreBehaviour, order
from tests.sluice.refresh.small_shop import SmallShop

pytestmark = pytest.mark.slow


class TestOnDuckDb(Behaviour, MoreBehaviour):
    """Every case, on DuckDB."""

    @pytest.fixture
    def shop(self, tmp_path: Path) -> SmallShop:
        made = SmallShop(tmp_path / "shop")
        made.deliver("orders", [order(number) for number in range(6)])
        made.run("silver.orders")
        made.run("gold.order_days")
        return made

    def run(self, shop: SmallShop, table: str, *, declared: Project | None = None, **given: Any) -> Run:
        return DuckDbEngine(declared or shop.project, shop.load, shop.store).run(table, run_id="run", **given)
