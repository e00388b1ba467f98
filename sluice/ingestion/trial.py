"""Runs a contract's checks on sample records: a check that raises on them would raise on every file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa

from sluice.contracts import Column, ColumnType, Contract, Rules
from sluice.contracts.values.convert import arrow_type
from sluice.ingestion.check import check_block
from sluice.ingestion.records import Block

_SAMPLES: dict[str, tuple[Any, Any]] = {
    "string": ("", "\u00e9" * 3),
    "int": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1),
    "float": (-3.0e38, 1e-30),
    "double": (-1.7e308, 5e-324),
    "boolean": (False, True),
    "date": (dt.date.min, dt.date.max),
    "timestamp": (dt.datetime.min, dt.datetime.max),
    "binary": (b"", b"\xff"),
}
_TEXTS = ("", "?", "1", "2024-01-01")


def cannot_run(contract: Contract) -> tuple[Column, str, Exception] | None:
    """Return column, rule and error of a check that raises on sample records, or None when all checks run.

    The rule is a field of ``Rules``, or empty when converting to the column's type raises. The samples are no records,
    a record without a value, the extreme values of every type, and unusual texts.
    """
    whole = _failure(contract)
    if whole is None:
        return None
    for column in contract.columns:
        for rule in (*(name for name, value in msgspec.structs.asdict(column.rules).items() if value is not None), ""):
            rules = Rules(**{rule: getattr(column.rules, rule)}) if rule else Rules()
            alone = msgspec.structs.replace(column, rules=rules)
            if failure := _failure(msgspec.structs.replace(contract, columns=(alone,), key=())):
                return column, rule, failure
    return contract.columns[0], "", whole


def _failure(contract: Contract) -> Exception | None:
    try:
        for block in _blocks(contract):
            check_block(block, contract)
    except Exception as error:  # noqa: BLE001 - whatever it is: it is what the caller asks for
        return error
    return None


def _blocks(contract: Contract) -> Iterator[Block]:
    """Yield sample blocks in both forms that readers return: typed, and as text."""
    own = {c.name: (arrow_type(c.type), _ends(c.type)) for c in contract.columns}
    for count in (0, 1):
        yield _block({name: pa.nulls(count, kind) for name, (kind, _) in own.items()}, count)
    yield _block({name: pa.array(ends, kind) for name, (kind, ends) in own.items()}, 2)
    for texts in ((), (None, *_TEXTS)):
        yield _block({name: pa.array(texts, pa.string()) for name in own}, len(texts))


def _block(columns: dict[str, pa.Array], rows: int) -> Block:
    return Block(1, rows, columns, lambda some: [b""] * len(some))


def _ends(kind: ColumnType) -> tuple[Any, Any]:
    if kind.name != "decimal":
        return _SAMPLES[kind.name]
    least, most = (Decimal((sign, (9,) * kind.precision, -kind.scale)) for sign in (1, 0))
    return least, most
