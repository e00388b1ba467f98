"""Finds the type that a column's values are read as: every one of them, by the conversions that ingest them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import JSON_TEXT, Column, ColumnType, Spelling
from sluice.contracts.values.convert import convert
from sluice.profiling.dates import daylike, order_of, readings_of, short_year_first, timed
from sluice.profiling.numbers import ended_with_zeros, exact_in_double, note_of_text, number_forms, written_name

#: Texts that often stand for no value.
MARKS = (
    "NA", "N/A", "n/a", "na", "#N/A", "NULL", "null", "Null", "None", "none", "nil", "NaN", "nan", "<NA>", "(null)",
    "\\N", "-", "--", "?", ".", "0000-00-00", "0000-00-00 00:00:00",
)  # fmt: skip
#: Of these, those that are never a name or a word of their own.
SIGNS = frozenset({"#N/A", "<NA>", "(null)", "\\N", "0000-00-00", "0000-00-00 00:00:00"})
_BOOLEANS = (
    ("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"), ("ja", "nein"), ("j", "n"),
    ("oui", "non"), ("sí", "no"), ("wahr", "falsch"), ("vrai", "faux"),
)  # fmt: skip
_TIME_NAME = re.compile(r"(?:^|_)(?:at|on|ts|time|timestamp|date|day|dt|epoch|created|updated|modified|when)(?:_|$)")
_EPOCHS = ((10, "epoch_seconds"), (13, "epoch_millis"), (16, "epoch_micros"), (19, "epoch_nanos"))
_TEXT = ColumnType("string")
_FIRST, _ROUNDS, _OTHERS = 3_000, 8, 200
_BLANKS = " \t"


@dataclass(frozen=True)
class Guess:
    """A column's type and how its values are written.

    ``note`` says what should be known of it. ``others`` are further readings that fit as well: the column says nowhere
    which one is meant.
    """

    type: ColumnType = _TEXT
    format: str | tuple[str, ...] | None = None
    spelling: Spelling | None = None
    logical: str = ""
    note: str = ""
    others: tuple[Guess, ...] = ()

    def column(self, name: str, header: str) -> Column:
        """Return the column as a contract has it."""
        return Column(name, self.type, header=header, format=self.format, spelling=self.spelling)


TEXT = Guess(logical="string")
Parts = Callable[[], Iterable[pa.Array]]


def guess_text(parts: Parts, name: str, marks: Sequence[str] = MARKS, *, spelled: bool = True) -> Guess:
    """Return the type of a column of text whose values ``parts`` returns, each time anew.

    Values among ``marks``, and empty ones, count as none. With ``spelled`` a contract can say how numbers are written.
    """
    skipped = pa.array(["", *marks], pa.string())

    def values() -> Iterator[pa.Array]:
        for part in parts():
            distinct = part.cast(pa.string()).unique().drop_null()
            yield distinct.filter(pc.invert(pc.is_in(distinct, skipped)))

    sample = _first(values())
    for _ in range(_ROUNDS):
        left = candidates(sample, name, spelled=spelled)
        others: list[str] = []
        for part in values():
            if not left:
                return replace(TEXT, note=note_of_text(sample, name) if spelled else "")
            kept = []
            for each in left:
                failing = _failing(part, each)
                if failing:
                    others += failing
                else:
                    kept.append(each)
            left = kept
        if left:
            return _decided(left)
        sample = list(dict.fromkeys([*sample, *others]))
    return TEXT


def candidates(sample: Sequence[str], name: str, *, spelled: bool = True) -> list[Guess]:
    """Return the types that all values of a sample may be of, the one to prefer first; an empty list for text."""
    if not sample:
        return []
    bare = [value.strip(_BLANKS) for value in sample]
    padded = bare != list(sample)
    bare = list(filter(None, bare))
    if not bare or (padded and not spelled):
        return []
    found = [*_booleans(bare, spelled=spelled), *_numbers(bare, name, spelled=spelled), *_times(bare, name)]
    if padded:
        found = [replace(g, spelling=_trimmed(g.spelling)) for g in found]
    return [g for g in found if not _failing(pa.array(sample, pa.string()), g)]


def _first(values: Iterable[pa.Array]) -> list[str]:
    found: dict[str, None] = {}
    for part in values:
        found.update(dict.fromkeys(part[: _FIRST - len(found)].to_pylist()))
        if len(found) >= _FIRST:
            break
    return list(found)


def _failing(values: pa.Array, guess: Guess) -> list[str]:
    """Return some of the values that would not be read, or would be read as another value."""
    if not len(values):
        return []
    converted, bad = convert(values, guess.column("value", "value"))
    if bad is not None:
        # The longest ones tell most about how large a type must be.
        odd = values.filter(bad)
        longest = pc.sort_indices(pc.binary_length(odd), sort_keys=[("", "descending")])[:_OTHERS]
        return list(odd.take(longest).to_pylist())
    return _misread(values, converted, guess)


def _misread(values: pa.Array, converted: pa.Array, guess: Guess) -> list[str]:
    """Return some of the values that were read, and would be other values."""
    if guess.type.name == "double" and (alike := _alike(values, guess)):
        return alike
    if guess.type.name == "double" and guess.spelling is None:
        again = pc.not_equal(converted.cast(pa.string()), values)
        odd = values.filter(pc.and_(again, pc.greater(pc.binary_length(values), 16)))
        return [text for text in odd.to_pylist() if not exact_in_double(text)][:_OTHERS]
    if guess.type.name == "boolean" and guess.spelling is None:
        return list(values.filter(pc.is_in(values, pa.array(["0", "1"]))).to_pylist())
    if guess.type.name in ("bigint", "decimal", "double"):
        group = re.escape(guess.spelling.group) if guess.spelling else ""
        needless = rf"\A[ \t]*[+-]?0{f'{group}?' * bool(group)}[0-9]"
        return list(values.filter(pc.match_substring_regex(values, needless)).to_pylist())[:_OTHERS]
    return []


def _alike(values: pa.Array, guess: Guess) -> list[str]:
    """Return texts that would become one number."""
    decimal = guess.spelling.decimal if guess.spelling else "."
    if not pc.any(pc.match_substring_regex(values, rf"{re.escape(decimal)}([0-9]*0)?[ \t]*\z")).as_py():
        return []
    bare = {text.strip(_BLANKS).replace(decimal, "."): text for text in values.to_pylist()}
    return [bare[text] for text in ended_with_zeros(list(bare))][:_OTHERS]


def _decided(left: Sequence[Guess]) -> Guess:
    """Return the first of the types that all values are of, with the other readings of the same kind."""
    return replace(left[0], others=tuple(guess for guess in left[1:] if _rivals(left[0], guess)))


def _rivals(first: Guess, other: Guess) -> bool:
    """Return whether two types differ in what a part of the values means: a day or month, thousands or a fraction."""
    if first.type.name in ("date", "timestamp"):
        dated = all(g.format and not str(g.format).startswith("epoch") for g in (first, other))
        return dated and other.type.name in ("date", "timestamp")
    here, there = first.spelling or Spelling(), other.spelling or Spelling()
    return here.decimal != there.decimal and (there.decimal == here.group or here.decimal == there.group)


def _trimmed(spelling: Spelling | None) -> Spelling:
    given = spelling or Spelling()
    return Spelling(decimal=given.decimal, group=given.group, true=given.true, false=given.false, trim=True)


def _booleans(values: Sequence[str], *, spelled: bool) -> list[Guess]:
    distinct = set(values)
    if len(distinct) > 12:
        return []
    lower = {value.lower() for value in distinct}
    if lower <= {"true", "false"}:
        return [Guess(ColumnType("boolean"), logical="boolean")]
    for true, false in _BOOLEANS if spelled else ():
        if lower == {true, false}:
            spelling = Spelling(
                true=tuple(sorted(v for v in distinct if v.lower() == true)),
                false=tuple(sorted(v for v in distinct if v.lower() == false)),
            )
            return [Guess(ColumnType("boolean"), spelling=spelling, logical="boolean")]
    return []


def _numbers(values: Sequence[str], name: str, *, spelled: bool) -> list[Guess]:
    forms = number_forms(values, name, spelled=spelled)
    found = [
        Guess(form.type, spelling=form.spelling, logical="integer" if form.type.name == "bigint" else "number")
        for form in forms
    ]
    timed = epoch_format(values, name) if forms and forms[0].type.name == "bigint" and not forms[0].spelling else ""
    if timed:
        found.insert(0, Guess(ColumnType("timestamp"), format=timed, logical="timestamp"))
    if _TIME_NAME.search(name) and all(re.fullmatch("[12][0-9]{7}", value) for value in values):
        found = [*_times(values, name), *found]
    return found


def epoch_format(values: Sequence[str], name: str) -> str:
    """Return the format of whole numbers that are times since 1970, by the column's name and their size; else empty."""
    if not _TIME_NAME.search(name):
        return ""
    lengths = {len(value) for value in values}
    return next((format_ for digits, format_ in _EPOCHS if lengths == {digits}), "") if values else ""


def _times(values: Sequence[str], name: str) -> list[Guess]:
    if not daylike(values) or (all(map(str.isdigit, values)) and not _TIME_NAME.search(name)):
        return []
    date, timestamp = ColumnType("date"), ColumnType("timestamp")
    found = [Guess(date, logical="date"), Guess(timestamp, logical="timestamp")]
    if written_name(name) and not _TIME_NAME.search(name):
        return found  # 1.2.2024 may be a version
    for patterns in readings_of(values):
        kind = timestamp if timed(patterns) else date
        found.append(Guess(kind, format=patterns[0] if len(patterns) == 1 else patterns, logical=kind.name))
    return found


def reading_of(guess: Guess) -> str:
    """Return how a guess reads what has several readings: ``comma``, ``point``, ``dMy``, ``Mdy``, ``yMd``, or empty.

    Numbers without a comma read a point as that of a fraction, which says something only where values have one.
    """
    if guess.type.name in ("date", "timestamp"):
        formats = (guess.format,) if isinstance(guess.format, str) else guess.format or ()
        orders = [order_of(f) for f in formats if "MMM" not in f and not f.startswith("epoch")]
        short = any(map(short_year_first, formats))
        return next((order for order in orders if order != "yMd"), "yMd" if short else "")
    if guess.type.name in ("bigint", "decimal", "double"):
        return "comma" if guess.spelling and guess.spelling.decimal == "," else "point"
    return ""


def shows_reading(guess: Guess, parts: Parts) -> bool:
    """Return whether a column's values leave no doubt how it is read, and so tell how others of the file are."""
    if guess.others:
        return False
    if guess.type.name not in ("bigint", "decimal", "double"):
        return True
    spelling = guess.spelling or Spelling()
    return (
        spelling.decimal == ","
        or spelling.group in (",", ".")
        or any(pc.any(pc.match_substring_regex(part, r"[0-9]*\.[0-9]")).as_py() for part in parts())
    )


def guess_json(parts: Parts, kinds: frozenset[str], name: str) -> Guess | None:
    """Return the type of a JSON key whose values are of ``kinds``, as text; None when no type holds all of them."""
    if kinds == {"boolean"}:
        return Guess(ColumnType("boolean"), logical="boolean")
    if "number" in kinds:
        return _json_numbers(parts, kinds, name)
    if "boolean" in kinds:
        return None
    if kinds <= {"text"}:
        guess = guess_text(parts, name, (), spelled=False)
        return guess if guess.type.name in ("date", "timestamp") and not guess.others else TEXT
    return Guess(format=JSON_TEXT, logical="array" if kinds == {"array"} else "object")


def _json_numbers(parts: Parts, kinds: frozenset[str], name: str) -> Guess | None:
    if not kinds <= {"number", "text"}:
        return None
    guess = guess_text(parts, name, (), spelled=False)
    if _numeric(guess):
        return guess
    if "text" in kinds:
        return _epoch_and_text(parts, name)
    if all(pc.all(pc.match_substring_regex(part, r"\A-?[0-9]+\z")).as_py() is not False for part in parts()):
        wide = Guess(ColumnType("decimal", 38, 0), logical="number")
        return wide if not any(_failing(part.drop_null(), wide) for part in parts()) else None
    # What are numbers already are no names of things: 1.1 and 1.10 are one number, and so are 1 and 1.0.
    guess = guess_text(lambda: map(_one_spelling, parts()), name, (), spelled=False)
    return guess if _numeric(guess) else None


def _numeric(guess: Guess) -> bool:
    """Return whether it is a type that numbers of JSON are read as."""
    epoch = guess.type.name == "timestamp" and str(guess.format).startswith("epoch")
    return epoch or guess.type.name in ("bigint", "double", "decimal")


def _one_spelling(numbers: pa.Array) -> pa.Array:
    """Return numbers of JSON with one digit after the point at least, and no more zeros at the end than that."""
    found = numbers
    for written, wanted in (
        ("^(-?[0-9]+)([eE]|$)", r"\1.0\2"),
        (r"(\.[0-9]*?)0+([eE]|$)", r"\1\2"),
        (r"\.([eE]|$)", r".0\1"),
    ):
        found = pc.replace_substring_regex(found, written, wanted)
    return found


def _epoch_and_text(parts: Parts, name: str) -> Guess | None:
    for _, format_ in _EPOCHS:
        guess = Guess(ColumnType("timestamp"), format=format_, logical="timestamp")
        if _TIME_NAME.search(name) and not any(_failing(part.drop_null(), guess) for part in parts()):
            return guess
    return None
