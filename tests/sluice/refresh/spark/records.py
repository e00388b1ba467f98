"""Records of the small shop, at chosen minutes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

Row = dict[str, Any]
FRIDAY, MONDAY = date(2026, 1, 2), date(2026, 1, 5)


def order(number: int, day: date | None, minute: int = 0, **given: Any) -> Row:
    about = {"order_id": f"o{number}", "customer_id": f"c{number}", "day": day, "state": "placed"}
    return {**about, "updated_at": datetime(2026, 1, 1, 12, minute), **given}


def line(number: int, product: str | None, minute: int = 0) -> Row:
    about = {"order_id": f"o{number}", "line": 1, "product_id": product, "amount": number}
    return {**about, "updated_at": datetime(2026, 1, 1, 12, minute)}


def product(name: str, category: str, minute: int = 0) -> Row:
    return {"product_id": name, "category": category, "updated_at": datetime(2026, 1, 1, 12, minute)}


def click(number: int, session: str, minute: int = 0) -> Row:
    found = {"event_id": f"e{number}", "session_id": session, "happened_at": datetime(2026, 1, 1, 12, minute)}
    return {**found, "_delivery_id": f"d{number}-{minute}", "_source": session, "_position": 1}
