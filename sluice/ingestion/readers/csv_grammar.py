r"""What a record of delimited text is, and where each ends: RFC 4180, strictly, told by one grammar.

A field is either quoted (a quote, anything with each quote doubled, a quote, and nothing more) or holds no line end and
begins with no quote; a quote further on in it is a letter like others. A record that keeps to this has one meaning. One
that does not is refused with its first line and no other: a stray quote costs its own line.

Where a backslash escapes, ``\"`` is a letter; where both grammars see a whole record and part it differently, neither
is taken.
"""

from __future__ import annotations

import re
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from sluice.ingestion.records import Reason

CARRIAGE_RETURN = Reason("malformed_record", "a carriage return stands outside quotes and ends no line")
AFTER_QUOTE = Reason("malformed_record", "a quoted field goes on after its closing quote")
OPEN = Reason("malformed_record", "a quoted field has no end")
AMBIGUOUS = Reason(
    "malformed_record",
    'a quoted field holds \\", which means one thing where a backslash escapes and another by RFC 4180',
)


class Grammar:
    """The expressions of one delimiter: RE2's for many lines at once, Python's for single ones."""

    def __init__(self, delimiter: str) -> None:
        d = f"\\x{ord(delimiter):02x}"
        field = rf'(?:"(?:[^"]|"")*"|(?:[^"{d}\r\n][^{d}\r\n]*)?)'
        record = rf"{field}(?:{d}{field})*"
        #: A whole text of whole records.
        self.text = rf"\A(?:{record}\r?\n)*(?:{record}\r?)?\z"
        #: A line that is a whole record.
        self.line = rf"\A{record}\r?\z"
        quoted = r'"[^"]*+(?:""[^"]*+)*+"'
        escaped = r'"[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+"'
        bare = rf'[^"{d}\r\n][^{d}\r\n]*+|(?={d}|\r?\n|\r?\Z)'
        inside = r'[^"]*+(?:""[^"]*+)*+'
        fields = rf"(?:(?:{quoted}|{bare}){d})*+"
        self.opening = _compiled(rf'{fields}"{inside}\Z')
        self.staying = _compiled(rf"{inside}\Z")
        self.closing = _compiled(rf'{inside}"(?:{d}(?:{quoted}|{bare}))*+\r?\Z')
        self.reopening = _compiled(rf'{inside}"{d}{fields}"{inside}\Z')
        self.stray = _compiled(rf"{fields}{quoted}[^{d}\r]")
        self.first = _compiled(rf"(?:\r?\n)*+({fields}(?:{quoted}|{bare}))\r?(?:\n|\Z)")
        self.strict_field = _compiled(rf"({quoted}|{bare})({d}|\Z)")
        self.escaped_field = _compiled(rf"({escaped}|{bare})({d}|\Z)")

    def conforms(self, data: bytes) -> bool:
        """Tell whether ``data`` is whole records by the strict grammar, and by no other."""
        if b'"' not in data and b"\r" not in data:
            return True
        return b'\\"' not in data and bool(
            pc.match_substring_regex(pa.array([data], pa.binary()), self.text)[0].as_py()
        )

    def two_meanings(self, record: bytes) -> bool:
        r"""Tell whether ``\"`` as an escape would part the record differently."""
        if b'\\"' not in record:
            return False
        other = _ends(record, self.escaped_field)
        return other is not None and other != _ends(record, self.strict_field)

    def fields(self, record: bytes) -> list[str]:
        """Return the fields of one record of this grammar; ``UnicodeDecodeError`` when it is no text."""
        found, at = [], 0
        while match := self.strict_field.match(record, at):
            text = match[1].decode()
            found.append(text[1:-1].replace('""', '"') if text.startswith('"') else text)
            at = match.end()
            if not match[2]:
                break
        return found

    def wrong_with(self, line: bytes) -> Reason:
        """Return why a line that is no whole record is none."""
        if self.opening.match(line):
            return OPEN
        return AFTER_QUOTE if self.stray.match(line) else CARRIAGE_RETURN


def _ends(record: bytes, field: re.Pattern[bytes]) -> list[int] | None:
    """Return where each of the record's fields ends; none when it is no record of that kind of field."""
    ends, at = [], 0
    while match := field.match(record, at):
        ends.append(match.end(1))
        at = match.end()
        if not match[2]:
            return ends
    return None


def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode("latin-1"), re.DOTALL)


@lru_cache(maxsize=64)
def grammar_of(delimiter: str) -> Grammar:
    """Return the delimiter's grammar."""
    return Grammar(delimiter)
