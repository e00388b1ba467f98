"""Events broken on purpose: each breaks exactly one rule of the contract of ``clickstream``."""

from __future__ import annotations

from typing import Any

import msgspec

#: The reasons in the order in which they are planted, over and over.
REASONS = (
    "malformed_record", "missing_required", "unparseable", "pattern_mismatch", "not_in_set", "out_of_range",
)  # fmt: skip
_REQUIRED = ("event_id", "session_id", "event_type", "event_time")
_UNPARSEABLE: tuple[tuple[str, Any], ...] = (
    ("quantity", "many"), ("event_time", "yesterday"), ("unit_price", "12,5O"), ("quantity", 2.5),
    ("event_time", "2025-02-30T10:00:00Z"), ("latitude", "north"), ("quantity", {"pieces": 1}), ("device", 7),
    ("unit_cost", "n/a"), ("quantity", True), ("search_term", ["red", "shoes"]), ("event_time", 1735689600),
)  # fmt: skip
_MISMATCHED = (("customer_id", "guest"), ("product_id", "P1"), ("country", "de"))
_UNKNOWN = (("event_type", "click"), ("currency", "BTC"), ("device", "toaster"), ("outcome", "maybe"))
_OUTSIDE: tuple[tuple[str, Any], ...] = (
    ("quantity", 0), ("quantity", -3), ("unit_price", -0.01), ("latitude", 123.4), ("longitude", -180.5),
    ("unit_cost", -5),
)  # fmt: skip


def reason(number: int) -> str:
    """Return the reason that the broken event of that number has."""
    return REASONS[number % len(REASONS)]


def broken(event: bytes, number: int) -> bytes:
    """Return ``event`` so broken that a pipeline must give ``reason(number)``."""
    kind, variant = reason(number), number // len(REASONS)
    if kind == "malformed_record":
        return _malformed(event, variant)
    values: dict[str, Any] = msgspec.json.decode(event)
    if kind == "missing_required":
        name = _REQUIRED[variant % len(_REQUIRED)]
        spelling = variant // len(_REQUIRED) % 3
        del values[name]
        if spelling:
            values[name] = None if spelling == 1 else ""
    elif kind == "pattern_mismatch":
        values.update(_mismatched(values, variant))
    else:
        choices = {"unparseable": _UNPARSEABLE, "not_in_set": _UNKNOWN, "out_of_range": _OUTSIDE}[kind]
        name, value = choices[variant % len(choices)]
        values[name] = value
    return msgspec.json.encode(values)


def _malformed(event: bytes, variant: int) -> bytes:
    """Cut the event, or leave something behind it."""
    if variant % 4 == 3:
        return event + b" <EOF>"
    return event[: len(event) * (variant % 4 + 1) // 4 - 1]


def _mismatched(values: dict[str, Any], variant: int) -> dict[str, str]:
    number = str(values["event_id"])
    choices = [{"event_id": text} for text in (number[:31], f"{number[:8]}-{number[8:]}", "Z" + number[1:])]
    choices += [{name: text} for name, text in _MISMATCHED]
    return choices[variant % len(choices)]
