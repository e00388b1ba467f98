"""Finds the patterns by which a column's dates and times are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts.values.patterns import has_time, pattern_of

_DAYLIKE = re.compile(
    r"(?P<day>(?P<numbers>(?P<a>[0-9]{1,4})(?P<sep>[-/. ])(?P<b>[0-9]{1,2})(?P=sep)(?P<c>[0-9]{1,4}))"
    r"|(?P<d>[0-9]{1,2})(?P<before>[-/. ]?)[A-Za-z]{3}(?P<after>[-/. ]?)(?P<year>[0-9]{4}|[0-9]{2})"
    r"|[A-Za-z]{3} (?P<named>[0-9]{1,2})(?P<comma>,?) [0-9]{4}|(?P<digits>[0-9]{8}))(?![0-9])"
    r"(?:(?P<join>[ T:]|, )(?P<hour>[0-9]{1,2}):[0-9]{2}(?P<second>:[0-9]{2}(?P<fraction>\.[0-9]{1,6})?)?"
    r"(?P<noon> ?[AaPp][Mm])?(?P<zone> ?(?:Z|[+-][0-9]{2}:[0-9]{2}|[+-][0-9]{4}))?)?"
)
_MOST_STYLES = 4
_FIRST_YEAR, _LAST_YEAR, _FOREVER = 1800, 2200, 9999


def _patterns(found: re.Match[str]) -> Iterator[str]:
    """Yield the patterns by which a value may be written, in the order in which they are preferred."""
    for time in _times(found):
        for day in _days(found):
            yield day + time


def _days(found: re.Match[str]) -> Iterator[str]:
    if found["digits"]:
        yield "yyyyMMdd"
        return
    if found["named"]:
        for day in _letters("d", found["named"]):
            yield f"MMM {day}{found['comma']} yyyy"
        return
    if found["d"]:
        for day in _letters("d", found["d"]):
            yield f"{day}{found['before']}MMM{found['after']}{'y' * len(found['year'])}"
        return
    first, sep, second, last = found["a"], found["sep"], found["b"], found["c"]
    orders = [("y", "M", "d")] if len(first) == 4 else [("d", "M", "y"), ("M", "d", "y"), ("y", "M", "d")]
    for order in orders:
        parts = [_letters(letter, text) for letter, text in zip(order, (first, second, last), strict=True)]
        yield from (sep.join(each) for each in product(*parts))


def _letters(letter: str, digits: str) -> list[str]:
    """Return the letters that take so many digits: two where two are always written, one where a zero is left out."""
    if letter == "y":
        return ["y" * len(digits)] if len(digits) in (2, 4) else []
    if len(digits) > 2:
        return []
    return [letter] if len(digits) == 1 else [letter * 2] if digits[0] == "0" else [letter * 2, letter]


def _times(found: re.Match[str]) -> Iterator[str]:
    if not found["join"]:
        yield ""
        return
    join = "'T'" if found["join"] == "T" else found["join"]
    noon = found["noon"] or ""
    rest = ":mm" + (":ss" if found["second"] else "")
    rest += "." + "S" * (len(found["fraction"]) - 1) if found["fraction"] else ""
    rest += noon[:-2] + "a" if noon else ""
    if zone := found["zone"] or "":
        rest += " " * zone.startswith(" ") + ("XXX" if zone.endswith("Z") or ":" in zone else "Z")
    for hour in _letters("h" if noon else "H", found["hour"]):
        yield join + hour + rest


def order_of(pattern: str) -> str:
    """Return in which order a pattern has day, month and year, such as ``dMy``."""
    return "".join(dict.fromkeys(re.sub("'[^']*'|[^dMy]", "", pattern)))


def daylike(values: Sequence[str]) -> bool:
    """Return whether each value may be a day, with or without a time."""
    return bool(values) and all(map(_DAYLIKE.fullmatch, values))


def timed(patterns: Sequence[str]) -> bool:
    """Return whether values of these patterns have a time of day."""
    return any(has_time(pattern_of(each)) for each in patterns)


def short_year_first(pattern: str) -> bool:
    """Return whether a pattern begins with a year of two digits."""
    return order_of(pattern) == "yMd" and "yyyy" not in pattern


def readings_of(values: Sequence[str]) -> list[tuple[str, ...]]:
    """Return each way to read the values, all of them ``daylike``: patterns of which one reads each value.

    There are several where nothing tells days from months, or years of two digits; it is empty when no few patterns
    read all values.
    """
    reads = dict(_readings(values))
    found: list[tuple[str, ...]] = []
    for first in ("dMy", "Mdy", "yMd"):
        allowed = {pattern: mask for pattern, mask in reads.items() if _of_reading(pattern, first)}
        chosen = _cover(allowed, len(values))
        if chosen is not None and chosen not in found:
            found.append(chosen)
    return found


def _of_reading(pattern: str, first: str) -> bool:
    """Return whether a pattern is one of those whose parts come in an order, or in which it cannot be mistaken."""
    order = order_of(pattern)
    if "MMM" in pattern or (order == "yMd" and not short_year_first(pattern)):
        return True
    # With points days come first everywhere.
    return order == ("dMy" if "." in pattern.partition(" ")[0] else first)


def _readings(values: Sequence[str]) -> Iterator[tuple[str, pa.Array]]:
    """Yield each pattern that reads any of the values, with which of them it reads."""
    sample = pa.array(values, pa.string())
    # One value of each shape has all the patterns that are worth a try.
    shapes = {re.sub("[A-Za-z]", "A", re.sub("[1-9]", "1", value)): value for value in values}
    matches = (_DAYLIKE.fullmatch(value) for value in shapes.values())
    tried = dict.fromkeys(pattern for found in matches if found for pattern in _patterns(found))
    for spelled in sorted(tried, key=_preferred):
        read = pattern_of(spelled).read(sample)
        year = pc.year(read)
        odd = pc.and_(pc.or_(pc.less(year, _FIRST_YEAR), pc.greater(year, _LAST_YEAR)), pc.not_equal(year, _FOREVER))
        if read.null_count < len(read) and not pc.any(pc.fill_null(odd, False)).as_py():
            yield spelled, pc.is_valid(read)


def _preferred(pattern: str) -> tuple[int, bool, int]:
    """Return what sorts patterns: years first, then days, then months; two digits or one everywhere, two before one."""
    widths = {len(run[0]) for run in re.finditer("d+|M{1,2}(?!M)|H+|h+", re.sub("'[^']*'|MMM", "", pattern))}
    return ("yMd", "dMy", "Mdy").index(order_of(pattern)), len(widths) > 1, -len(pattern)


def _cover(reads: dict[str, pa.Array], rows: int) -> tuple[str, ...] | None:
    """Return a few patterns that together read all values, as few as can be found; None when there are none."""
    left = pa.array([True] * rows)
    chosen: list[str] = []
    while pc.any(left).as_py():
        best, most = "", 0
        for pattern, mask in reads.items():
            count = pc.sum(pc.and_(mask, left)).as_py()
            if count > most:
                best, most = pattern, count
        if not most or len(chosen) == _MOST_STYLES:
            return None
        chosen.append(best)
        left = pc.and_(left, pc.invert(reads[best]))
    return tuple(chosen)
