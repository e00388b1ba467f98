"""Checks a block of records against its contract, column by column; only what fails is looked at record by record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import Column, Contract
from sluice.ingestion.convert import arrow_type, convert
from sluice.ingestion.records import Block, Reason, Rejected


@dataclass(frozen=True)
class Checked:
    """A block after its checks: ``accepted`` holds the contract's columns, ``positions`` where each row came from."""

    accepted: pa.Table
    positions: pa.Array
    rejected: list[Rejected]


@dataclass(frozen=True)
class _Finding:
    """Rows (``mask``) that break one rule of one column."""

    mask: pa.Array
    code: str
    column: Column
    message: str
    delivered: pa.Array


def check_block(block: Block, contract: Contract) -> Checked:
    """Return the block's rows parted into accepted, in the contract's types, and rejected, each with every reason."""
    typed: list[pa.Array] = []
    findings: list[_Finding] = []
    for column in contract.columns:
        delivered = block.columns.get(column.name)
        if delivered is None:
            delivered = pa.nulls(block.rows, arrow_type(column.type))
        values, bad = convert(delivered, column)
        typed.append(values)
        if bad is not None:
            findings.append(
                _Finding(bad, "unparseable", column, f"is not a {_spelled(column)}", delivered),
            )
        findings.extend(_broken_rules(values, delivered, bad, column, contract))
    table = pa.table(typed, names=[column.name for column in contract.columns])
    positions = block.position_array()
    if not findings:
        return Checked(table, positions, block.rejected)
    broken = findings[0].mask
    for finding in findings[1:]:
        broken = pc.or_(broken, finding.mask)
    kept = pc.invert(broken)
    rejected = _explain(block, findings, pc.indices_nonzero(broken).to_pylist(), positions)
    return Checked(table.filter(kept), positions.filter(kept), [*block.rejected, *rejected])


def _spelled(column: Column) -> str:
    return f"{column.type} of format {column.format}" if column.format else str(column.type)


def _broken_rules(
    values: pa.Array, delivered: pa.Array, bad: pa.Array | None, column: Column, contract: Contract
) -> list[_Finding]:
    findings = []

    def add(mask: pa.Array, code: str, message: str) -> None:
        mask = pc.fill_null(mask, False)
        if pc.any(mask).as_py():
            findings.append(_Finding(mask, code, column, message, delivered))

    if contract.must_be_present(column) and values.null_count:
        missing = pc.is_null(values)
        if bad is not None:
            missing = pc.and_(missing, pc.invert(bad))
        add(missing, "missing_required", "is required and has no value")
    rules = column.rules
    if rules.allowed is not None:
        add(
            pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, _allowed(rules.allowed, values.type)))),
            "not_in_set",
            f"is not one of {', '.join(rules.allowed)}",
        )
    if rules.pattern is not None:
        add(
            pc.invert(pc.match_substring_regex(values, rules.pattern)),
            "pattern_mismatch",
            f"does not match {rules.pattern}",
        )
    for bound, compare, words in (
        (rules.minimum, pc.less, "is less than"),
        (rules.exclusive_minimum, pc.less_equal, "is not greater than"),
        (rules.maximum, pc.greater, "is greater than"),
        (rules.exclusive_maximum, pc.greater_equal, "is not less than"),
    ):
        if bound is not None:
            add(compare(values, _literal(bound, values.type)), "out_of_range", f"{words} {bound}")
    if rules.min_length is not None:
        add(pc.less(pc.utf8_length(values), rules.min_length), "out_of_range", f"is shorter than {rules.min_length}")
    if rules.max_length is not None:
        add(pc.greater(pc.utf8_length(values), rules.max_length), "out_of_range", f"is longer than {rules.max_length}")
    return findings


@lru_cache(maxsize=4096)
def _allowed(texts: tuple[str, ...], kind: pa.DataType) -> pa.Array:
    return pa.array(texts).cast(kind)


@lru_cache(maxsize=4096)
def _literal(text: str, kind: pa.DataType) -> pa.Scalar:
    value: Any = Decimal(text) if pa.types.is_decimal(kind) else text
    if pa.types.is_date(kind):
        value = date.fromisoformat(text)
    elif pa.types.is_timestamp(kind):
        value = datetime.fromisoformat(text.removesuffix("Z"))
    elif pa.types.is_decimal(kind):
        # As wide as it needs to be: a bound may have more digits than the column.
        return pa.scalar(value)
    elif not pa.types.is_string(kind):
        value = float(text) if pa.types.is_floating(kind) else int(float(text))
        return pa.scalar(value)
    return pa.scalar(value, kind)


def _explain(block: Block, findings: list[_Finding], rows: list[int], positions: pa.Array) -> list[Rejected]:
    """Return one rejected record per row, with every rule that it breaks."""
    reasons: dict[int, list[Reason]] = {row: [] for row in rows}
    for finding in findings:
        hit = pc.indices_nonzero(finding.mask)
        for row, value in zip(hit.to_pylist(), finding.delivered.take(hit).to_pylist(), strict=True):
            reasons[row].append(
                Reason(
                    code=finding.code,
                    column=finding.column.name,
                    value=None if value is None else str(value),
                    message=f"{finding.column.name} {finding.message}",
                )
            )
    raws = block.raw(rows)
    places = positions.take(pa.array(rows, pa.int64())).to_pylist()
    return [
        Rejected(position=place, reasons=tuple(reasons[row]), raw=raw)
        for row, place, raw in zip(rows, places, raws, strict=True)
    ]
