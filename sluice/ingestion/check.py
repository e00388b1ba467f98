"""Checks a block of records against its contract by whole columns; only failing rows are handled one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import Column, Contract
from sluice.contracts.values.convert import arrow_type, convert
from sluice.contracts.values.limits import bounds, own_values
from sluice.contracts.values.lossless import as_json
from sluice.ingestion.readers.text import some_of
from sluice.ingestion.records import REASON_VALUE_LENGTH, REJECTED_ARROW, Block, rejected_table
from sluice.tables.arrow import REASON_ARROW

_COMPARE = {"<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal}
_WORDS = {
    "minimum": "is less than",
    "exclusive_minimum": "is not greater than",
    "maximum": "is greater than",
    "exclusive_maximum": "is not less than",
}


@dataclass(frozen=True)
class Checked:
    """A block after its checks: ``accepted`` rows with the contract's columns, and their ``positions`` in the file.

    ``rejected`` holds the records that broke the contract, with the schema ``REJECTED_ARROW``.
    """

    accepted: pa.Table
    positions: pa.Array
    rejected: pa.Table


@dataclass(frozen=True)
class _Finding:
    """The rows that break one rule of one column, as a boolean ``mask`` over the block."""

    mask: pa.Array
    code: str
    column: Column
    message: str
    delivered: pa.Array


def check_block(block: Block, contract: Contract) -> Checked:
    """Return the block split into accepted rows, in the contract's types, and rejected records with every reason."""
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
        return Checked(table, positions, rejected_table(block.rejected))
    broken = findings[0].mask
    for finding in findings[1:]:
        broken = pc.or_(broken, finding.mask)
    kept = pc.invert(broken)
    explained = _explain(block, findings, pc.indices_nonzero(broken), positions)
    rejected = pa.concat_tables([rejected_table(block.rejected), explained])
    return Checked(table.filter(kept), positions.filter(kept), rejected)


def _spelled(column: Column) -> str:
    if not column.format:
        return str(column.type)
    formats = (column.format,) if isinstance(column.format, str) else column.format
    return f"{column.type} of format {' or '.join(formats)}"


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
            pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, own_values(rules.allowed, column.type)))),
            "not_in_set",
            f"is not one of {some_of(rules.allowed)}",
        )
    if rules.pattern is not None:
        add(
            pc.invert(pc.match_substring_regex(values, rules.pattern)),
            "pattern_mismatch",
            f"does not match {rules.pattern}",
        )
    for bound in bounds(rules, column.type):
        words = _WORDS[bound.rule]
        add(_COMPARE[bound.breaks](values, bound.value), "out_of_range", f"{words} {bound.written}")
    if rules.min_length is not None:
        add(pc.less(pc.utf8_length(values), rules.min_length), "out_of_range", f"is shorter than {rules.min_length}")
    if rules.max_length is not None:
        add(pc.greater(pc.utf8_length(values), rules.max_length), "out_of_range", f"is longer than {rules.max_length}")
    return findings


def _explain(block: Block, findings: list[_Finding], rows: pa.Array, positions: pa.Array) -> pa.Table:
    """Return a rejected record for each of ``rows`` (ascending indexes), with every rule that it breaks."""
    hits = [pc.indices_nonzero(finding.mask) for finding in findings]
    reasons = pa.concat_arrays([_reasons(finding, hit) for finding, hit in zip(findings, hits, strict=True)])
    broken_by = pa.concat_arrays(hits)
    by_row = pc.sort_indices(broken_by)  # stable: a row's reasons stay in the order of the columns
    reasons = reasons.take(by_row)
    counts = pc.value_counts(broken_by.take(by_row)).field("counts")
    ends = pc.cumulative_sum(counts).cast(pa.int32())
    starts = pc.subtract(ends, counts.cast(pa.int32()))
    offsets = pa.concat_arrays([starts[:1], ends])
    return pa.table(
        [
            positions.take(rows),
            reasons.field("code").take(starts),
            pa.ListArray.from_arrays(offsets, reasons),
            pa.array(block.raw(rows.to_pylist()), pa.binary()),
            pa.nulls(len(rows), pa.string()),
        ],
        schema=REJECTED_ARROW,
    )


def _shown(value: Any) -> str | None:
    """Return the text of a typed value for a reason."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _reasons(finding: _Finding, hit: pa.Array) -> pa.StructArray:
    """Return the reason for each of the row indexes in ``hit``."""
    values = finding.delivered.take(hit)
    if not pa.types.is_string(values.type):
        values = pa.array(list(map(_shown, as_json(values))), pa.string())
    return pa.StructArray.from_arrays(
        [
            pa.repeat(finding.code, len(hit)),
            pa.repeat(finding.column.name, len(hit)),
            pc.utf8_slice_codeunits(values, 0, REASON_VALUE_LENGTH),
            pa.repeat(f"{finding.column.name} {finding.message}", len(hit)),
        ],
        fields=list(REASON_ARROW),
    )
