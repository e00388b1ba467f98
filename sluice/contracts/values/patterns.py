"""Reads dates and times by a pattern of the contract (``dd/MM/yyyy HH:mm``), with exactly the digits that it has.

``LETTERS`` says what each letter matches; text between quotes and other characters match themselves. A column may have
several patterns: each value is read by the first pattern that matches it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import TWO_DIGIT_YEAR_START, Column

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: What a letter takes, as an expression of RE2, and which part of a time it is.
LETTERS: dict[str, tuple[str, str]] = {
    "yyyy": ("[0-9]{4}", "year"),
    "yy": ("[0-9]{2}", "year"),
    "MMM": (f"(?i:{'|'.join(_MONTHS)})", "month"),
    "MM": ("0[1-9]|1[0-2]", "month"),
    "M": ("[1-9]|1[0-2]", "month"),
    "dd": ("0[1-9]|[12][0-9]|3[01]", "day"),
    "d": ("[1-9]|[12][0-9]|3[01]", "day"),
    "HH": ("[01][0-9]|2[0-3]", "hour"),
    "H": ("[0-9]|1[0-9]|2[0-3]", "hour"),
    "hh": ("0[1-9]|1[0-2]", "half"),
    "h": ("[1-9]|1[0-2]", "half"),
    "mm": ("[0-5][0-9]", "minute"),
    "ss": ("[0-5][0-9]", "second"),
    **{"S" * digits: (f"[0-9]{{{digits}}}", "fraction") for digits in range(1, 7)},
    "a": ("(?i:am|pm)", "noon"),
    "XXX": ("Z|[+-](?:0[0-9]|1[0-8]):[0-5][0-9]", "zone"),
    "Z": ("[+-](?:0[0-9]|1[0-8])[0-5][0-9]", "zone"),
}
#: Letters that ``strptime`` reads as they are meant, and faster, once the shape of a value is known.
_STRPTIME = {"yyyy": "%Y", "MMM": "%b", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']|'", re.DOTALL)
_DATE = ("year", "month", "day")
_WORDS = {
    "hour": "the hour (HH, or hh with a)", "half": "an hour of twelve (hh, h)", "noon": "AM or PM (a)",
    "minute": "the minute (mm)", "second": "the second (ss)", "fraction": "a fraction (S)", "zone": "a zone (XXX, Z)",
}  # fmt: skip
_AFTER_THIRTY_DAYS = (5, 7, 10, 12)
#: How many values are sampled to find whether a column's values repeat.
_SAMPLE = 4096


@dataclass(frozen=True)
class Pattern:
    """A date or time pattern: ``shape`` is the regular expression of its values.

    ``strptime`` is None where that function cannot read them. Two-digit years belong to the hundred years that begin
    with ``years_from``.
    """

    shape: str
    parts: tuple[str, ...]
    strptime: str | None
    years_from: int = TWO_DIGIT_YEAR_START

    def read(self, values: pa.Array) -> pa.Array:
        """Return the times in UTC, null where a value does not match or names a day that the calendar does not have."""
        # Groups that are not named cost nothing.
        fits = pc.match_substring_regex(values, re.sub(r"\?P<\w+>", "?:", self.shape))
        if not pc.all(fits).as_py():
            values = pc.if_else(pc.fill_null(fits, False), values, pa.scalar(None, values.type))
        if self.strptime is None:
            return self._by_parts(values)
        found = pc.strptime(values, format=self.strptime, unit="us", error_is_null=True)
        # strptime turns 30 February into 1 March, so a day that such a date could become is computed here.
        day, month = pc.day(found), pc.month(found)
        after_february = pc.and_(pc.less_equal(day, 3), pc.equal(month, 3))
        after_thirty = pc.and_(pc.equal(day, 1), pc.is_in(month, pa.array(_AFTER_THIRTY_DAYS, pa.int64())))
        doubtful = pc.fill_null(pc.or_(after_february, after_thirty), False)
        if not pc.any(doubtful).as_py():
            return found
        return pc.replace_with_mask(found, doubtful, self._by_parts(values.filter(doubtful)))

    def _by_parts(self, values: pa.Array) -> pa.Array:
        # Not the struct's own field: that is an empty text where nothing matched.
        groups = pc.extract_regex(values, self.shape)
        parts = {name: pc.struct_field(groups, name) for name in self.parts}
        return _time(parts, self.years_from)


@lru_cache(maxsize=1024)
def pattern_of(text: str, years_from: int = TWO_DIGIT_YEAR_START) -> Pattern:
    """Return the pattern that ``text`` spells; ``ValueError`` says what is wrong with it."""
    shape, quick, parts = [], [], []
    for token in _TOKEN.finditer(text):
        spelled = token[0]
        if spelled == "'":
            raise ValueError(f"{text!r} has a quote that is not closed")
        if token[2] is None:
            literal = spelled if token[1] is None else (token[1].replace("''", "'") or "'")
            shape.append(_literal(literal))
            quick.append(literal.replace("%", "%%"))
            continue
        if spelled not in LETTERS:
            raise ValueError(f"{text!r} is not a date format: {spelled!r}; allowed letters: {', '.join(LETTERS)}")
        expression, part = LETTERS[spelled]
        if part in parts:
            raise ValueError(f"{text!r} says the {part} twice")
        parts.append(part)
        shape.append(f"(?P<{part}>{expression})")
        quick.append(_STRPTIME.get(spelled, ""))
    _refuse_incomplete(text, parts)
    fast = all(quick) and not any(literal.isspace() and literal != " " for literal in quick)
    return Pattern(rf"\A{''.join(shape)}\z", tuple(parts), "".join(quick) if fast else None, years_from)


def patterns_of(column: Column) -> tuple[Pattern, ...]:
    """Return the patterns of a column's ``format``, empty for a column without one."""
    spelled = (column.format,) if isinstance(column.format, str) else column.format or ()
    return tuple(pattern_of(each, column.two_digit_year_start) for each in spelled)


def cast_by_patterns(values: pa.Array, patterns: tuple[Pattern, ...], target: pa.DataType) -> pa.Array:
    """Return each value read by the first pattern that it matches, null where it matches none.

    Repeated values, as days usually are, are read once.
    """
    repeating = len(values[:_SAMPLE].unique()) * 2 <= min(_SAMPLE, len(values))
    encoded = values.dictionary_encode() if repeating else None
    left = values if encoded is None else encoded.dictionary
    found = pa.nulls(len(left), pa.timestamp("us"))
    for pattern in patterns:
        read = pattern.read(left)
        found = pc.coalesce(found, read)
        if not found.null_count:
            break
        left = pc.if_else(pc.is_null(found), left, pa.scalar(None, left.type))
    found = found.cast(target)
    return found if encoded is None else found.take(encoded.indices)


def has_time(pattern: Pattern) -> bool:
    """Return whether the pattern has hours, minutes or seconds."""
    return bool(set(pattern.parts) - set(_DATE))


def has_two_digit_year(pattern: Pattern) -> bool:
    """Return whether the pattern has a two-digit year."""
    return f"(?P<year>{LETTERS['yy'][0]})" in pattern.shape


def _literal(text: str) -> str:
    return "".join(f"\\x{{{ord(letter):x}}}" for letter in text)


def _refuse_incomplete(text: str, parts: list[str]) -> None:
    for needed in _DATE:
        if needed not in parts:
            raise ValueError(f"{text!r} is not a date format: it does not say the {needed}")
    needs = {"minute": ("hour", "half"), "second": ("minute",), "fraction": ("second",), "half": ("noon",),
             "noon": ("half",), "zone": ("hour", "half")}  # fmt: skip
    for part, others in needs.items():
        if part in parts and not set(others) & set(parts):
            raise ValueError(f"{text!r} is not a date format: it says {_WORDS[part]} and not {_WORDS[others[0]]}")
    if {"hour", "half"} <= set(parts):
        raise ValueError(f"{text!r} says the hour twice")


def _time(parts: dict[str, pa.Array], years_from: int) -> pa.Array:
    """Return the times that text parts of the right shape spell, null for a day that its month does not have."""
    number = {name: values.cast(pa.int64()) for name, values in parts.items() if name not in ("month", "noon", "zone")}
    year = number["year"]
    if pc.max(pc.utf8_length(parts["year"])).as_py() == 2:
        century = years_from - years_from % 100
        year = pc.add(year, pc.if_else(pc.less(year, years_from % 100), century + 100, century))
    month = pc.utf8_lower(parts["month"])
    named = pc.index_in(month, pa.array(_MONTHS))
    digits = pc.if_else(pc.is_valid(named), pa.scalar(None, pa.string()), month)
    month = pc.coalesce(pc.add(named.cast(pa.int64()), 1), digits.cast(pa.int64()))
    us = _within_day(parts, number)
    days = _days(year, month, number["day"])
    if "zone" in parts:
        us = pc.subtract(us, _offset(parts["zone"])) if us is not None else us
    micros = pc.multiply(days, 86_400_000_000)
    return (micros if us is None else pc.add(micros, us)).view(pa.timestamp("us"))


def _days(year: pa.Array, month: pa.Array, day: pa.Array) -> pa.Array:
    """Return days since 1970, null for a day that its month does not have."""
    leap = pc.and_(
        pc.equal(_rest(year, 4), 0), pc.or_(pc.not_equal(_rest(year, 100), 0), pc.equal(_rest(year, 400), 0))
    )
    lengths = pa.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], pa.int64())
    before = pa.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334], pa.int64())
    place = pc.subtract(month, 1)
    february = pc.and_(leap, pc.equal(month, 2)).cast(pa.int64())
    last = pc.add(lengths.take(place), february)
    past = pc.subtract(year, 1)
    whole = pc.add(
        pc.multiply(past, 365), pc.add(pc.subtract(pc.divide(past, 4), pc.divide(past, 100)), pc.divide(past, 400))
    )
    after = pc.and_(leap, pc.greater(month, 2)).cast(pa.int64())
    days = pc.subtract(pc.add(pc.add(whole, before.take(place)), pc.add(after, day)), 719_163)
    # The year 0 is before the calendar: nothing is there to be counted.
    real = pc.and_(pc.less_equal(day, last), pc.greater(year, 0))
    return pc.if_else(real, days, pa.scalar(None, pa.int64()))


def _rest(number: pa.Array, by: int) -> pa.Array:
    return pc.subtract(number, pc.multiply(pc.divide(number, by), by))


def _within_day(parts: dict[str, pa.Array], number: dict[str, pa.Array]) -> pa.Array | None:
    """Return microseconds since midnight, or None when the pattern has no time of day."""
    hour = number.get("hour")
    if "half" in number:
        afternoon = pc.equal(pc.utf8_lower(parts["noon"]), "pm").cast(pa.int64())
        hour = pc.add(_rest(number["half"], 12), pc.multiply(afternoon, 12))
    if hour is None:
        return None
    total = pc.multiply(hour, 3_600_000_000)
    for name, unit in (("minute", 60_000_000), ("second", 1_000_000)):
        if name in number:
            total = pc.add(total, pc.multiply(number[name], unit))
    if "fraction" in number:
        digits = pc.max(pc.utf8_length(parts["fraction"])).as_py() or 6
        total = pc.add(total, pc.multiply(number["fraction"], 10 ** (6 - digits)))
    return total


def _offset(zones: pa.Array) -> pa.Array:
    """Return how many microseconds each zone is ahead of UTC."""
    plain = pc.replace_substring(pc.if_else(pc.equal(zones, "Z"), "+0000", zones), ":", "")
    hours = pc.utf8_slice_codeunits(plain, 1, 3).cast(pa.int64())
    minutes = pc.utf8_slice_codeunits(plain, 3, 5).cast(pa.int64())
    total = pc.multiply(pc.add(pc.multiply(hours, 60), minutes), 60_000_000)
    return pc.if_else(pc.starts_with(plain, "-"), pc.negate(total), total)
