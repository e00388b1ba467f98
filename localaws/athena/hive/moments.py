"""Java's patterns of dates, as tables' properties have them: what they match, and the moment that a text is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

from localaws.athena.errors import not_supported
from localaws.athena.hive.values import of_epoch

#: The letters of Java's date patterns: what they match, and strptime's directive.
_LETTERS: Final[dict[str, tuple[str, str]]] = {
    "yyyy": (r"\d{4}", "%Y"), "uuuu": (r"\d{4}", "%Y"), "yy": (r"\d{2}", "%y"), "MM": (r"\d{2}", "%m"),
    "M": (r"\d{1,2}", "%m"), "MMM": ("[A-Z][a-z]{2}", "%b"), "dd": (r"\d{2}", "%d"), "d": (r"\d{1,2}", "%d"),
    "HH": (r"\d{2}", "%H"), "H": (r"\d{1,2}", "%H"), "mm": (r"\d{2}", "%M"), "m": (r"\d{1,2}", "%M"),
    "ss": (r"\d{2}", "%S"), "s": (r"\d{1,2}", "%S"), "SSS": (r"\d{3}", "%f"),
    "SSSSSS": (r"\d{6}", "%f"), "Z": (r"(?:Z|[+-]\d{2}:?\d{2})", "%z"), "XXX": (r"(?:Z|[+-]\d{2}:\d{2})", "%z"),
    "ZZ": (r"(?:Z|[+-]\d{2}:\d{2})", "%z"), "X": (r"(?:Z|[+-]\d{2}\d{0,2})", "%z"),
}  # fmt: skip
_TOKENS: Final = re.compile(r"'(?:[^']|'')*'|[^']+")
#: The property that names the patterns of a table's timestamps, beside Hive's own.
#: https://docs.aws.amazon.com/athena/latest/ug/lazy-simple-serde.html
_FORMATS: Final = "timestamp.formats"


@lru_cache(maxsize=256)
def java_pattern(form: str) -> tuple[str, str]:
    """Return what the values of a pattern match, and strptime's directive; ``ValueError`` for letters it has not."""
    pattern, directive, seen = "", "", set[str]()
    for piece in _TOKENS.findall(form):
        if piece.startswith("'"):
            runs = [piece[1:-1].replace("''", "'") or "'"]
        else:
            runs = ["".join(run) for _, run in groupby(piece)]
        for run in runs:
            if not piece.startswith("'") and run.isalpha():
                if run not in _LETTERS:
                    raise ValueError(f"the letters {run!r} of {form!r} are not read here")
                if _LETTERS[run][1] in seen:
                    raise ValueError(f"the letters {run!r} of {form!r} say again what others say already")
                seen.add(_LETTERS[run][1])
                pattern, directive = pattern + _LETTERS[run][0], directive + _LETTERS[run][1]
            else:
                pattern, directive = pattern + re.escape(run), directive + run.replace("%", "%%")
    return pattern, directive


def declared_formats(properties: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the patterns of ``timestamp.formats``; ``millis`` alone has an empty one."""
    said = [form.strip() for form in properties.get(_FORMATS, "").split(",") if form.strip()]
    try:
        return tuple(("", "") if form == "millis" else java_pattern(form) for form in said)
    except ValueError as error:
        raise not_supported(f"{_FORMATS}: {error}") from None


def moment_of(text: str, formats: tuple[tuple[str, str], ...]) -> Any:
    """Return the moment that a text is in the first of the formats that it has; None if it has none."""
    for pattern, directive in formats:
        if not directive:
            if re.fullmatch(r"-?\d{1,15}", text, re.ASCII):
                return of_epoch(int(text))
        elif re.fullmatch(pattern, text, re.ASCII):
            try:
                found = datetime.strptime(text, directive)
                return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
            except (ValueError, OverflowError):  # no such day, or none in UTC's years 1 to 9999
                continue
    return None
