r"""The grammar of delimited text: what a record is, and where each ends, strictly by RFC 4180.

A field is either quoted (a quote, anything with each quote doubled, a quote, and nothing more) or holds no line end and
begins with no quote; a quote further on in it is an ordinary character. A record of this form has one meaning. Any
other record is refused, with its first line alone: a stray quote costs its own line.

A contract may name another quote character or none, and an escape character. This one stands before a quote, a
delimiter or itself, in a quoted field also before a line end, and before nothing else; quotes are not doubled then.
Where no escape character is named, ``\"`` is a backslash and a quote; a record that both grammars accept but split
differently is refused.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import Arrival
from sluice.ingestion.records import Reason

CARRIAGE_RETURN = Reason("malformed_record", "a carriage return stands outside quotes and ends no line")
AFTER_QUOTE = Reason("malformed_record", "a quoted field goes on after its closing quote")
OPEN = Reason("malformed_record", "a quoted field has no end")
ESCAPE = Reason("malformed_record", "an escape character stands before what needs no escape")
CARRIED = Reason("malformed_record", "an escape character stands before the end of a line outside quotes")
AMBIGUOUS = Reason(
    "malformed_record",
    'a quoted field holds \\", which means one thing where a backslash escapes and another by RFC 4180',
)


class _Parts:
    """The regular expressions of a field's characters; ``more`` keeps Python from backtracking (RE2 never does)."""

    def __init__(self, delimiter: str, quote: str, escape: str, nulls: Sequence[str], more: str) -> None:
        d, q, e = (f"\\x{ord(each):02x}" if each else "" for each in (delimiter, quote, escape))
        escaped = f"|{e}[{q}{e}{d}]" if e else ""
        #: What a field without quotes may begin with, go on with, and be as a whole.
        self.first = rf"[^{q}{d}\r\n{e}]{escaped}"
        self.letter = rf"[^{d}\r\n{e}]{more}{escaped}"
        self.whole = "".join(f"|{re.escape(null)}" for null in nulls)
        #: What may stand between quotes.
        self.inner = rf"[^{q}{e}]{more}|{e}[{q}{e}{d}\r\n]" if e else f"[^{q}]{more}|{q}{q}"
        self.d, self.q, self.e = d, q, e


def _record_of_re2(delimiter: str, quote: str, escape: str, nulls: Sequence[str]) -> str:
    """Return RE2's regular expression of one record, without its line end."""
    part = _Parts(delimiter, quote, escape, nulls, "")
    bare = f"(?:(?:{part.first})(?:{part.letter})*{part.whole})?"
    field = f"(?:{part.q}(?:{part.inner})*{part.q}|{bare})" if quote else bare
    return f"{field}(?:{part.d}{field})*"


class Grammar:
    r"""The regular expressions of one dialect: RE2's for many lines at once, Python's for single ones.

    ``quote`` and ``escape`` are empty where there is none; ``nulls`` are the null spellings that begin with the escape
    character, such as ``\N``: they mean null only as a whole field.
    """

    def __init__(self, delimiter: str, quote: str = '"', escape: str = "", nulls: Sequence[str] = ()) -> None:
        self.delimiter, self.quote, self.escape, self.nulls = delimiter, quote.encode(), escape.encode(), nulls
        record = _record_of_re2(delimiter, quote, escape, nulls)
        #: A whole text of whole records.
        self.text = rf"\A(?:{record}\r?\n)*(?:{record}\r?)?\z"
        #: A line that is a whole record.
        self.line = rf"\A{record}\r?\z"
        #: What may mean that a quote is a letter, where no escape character is named.
        self.doubtful = b"\\" + self.quote if quote and not escape else b""
        part = _Parts(delimiter, quote, escape, nulls, "+" * 2)
        d, q, e = part.d, part.q, part.e
        # An empty field is followed by what ends it.
        bare = rf"(?:{part.first})(?:{part.letter})*+{part.whole}|(?={d}|\r?\n|\r?\Z)"
        quoted = f"{q}(?:{part.inner})*+{q}"
        inside = f"(?:{part.inner}{f'|{e}' + chr(92) + 'Z' if escape else ''})*+"
        field = f"(?:{quoted}|{bare})" if quote else f"(?:{bare})"
        fields = f"(?:{field}{d})*+"
        self.first = _compiled(rf"(?:\r?\n)*+({fields}{field})\r?(?:\n|\Z)")
        self.strict_field = _compiled(rf"({field})({d}|\Z)")
        escaped = rf"{q}[^{q}\\]*+(?:(?:\\.|{q}{q})[^{q}\\]*+)*+{q}"
        self.escaped_field = _compiled(rf"({escaped}|{bare})({d}|\Z)", quote)
        self.opening = _compiled(rf"{fields}{q}{inside}\Z", quote)
        self.staying = _compiled(rf"{inside}\Z", quote)
        self.closing = _compiled(rf"{inside}{q}(?:{d}{field})*+\r?\Z", quote)
        self.reopening = _compiled(rf"{inside}{q}{d}{fields}{q}{inside}\Z", quote)
        self.stray = _compiled(rf"{fields}{quoted}[^{d}\r]", quote)
        #: A line that an escape character keeps from ending.
        self.carried = _compiled(rf"(?:[^{e}]|{e}(?!\r?\Z).)*+{e}\r?\Z", escape)
        self._misplaced = _compiled(rf"(?:[^{e}]|{e}[{q}{e}{d}])*+{e}", escape)
        self._escapes = _compiled(f"{e}(.)", escape)
        self._nulls = _compiled(rf"(?<![^{d}\n])(?={'|'.join(map(re.escape, nulls))})", nulls)

    def conforms(self, data: bytes) -> bool:
        """Return whether ``data`` is whole records by the strict grammar, and only by this one."""
        if not any(mark in data for mark in (self.quote, b"\r", self.escape) if mark):
            return True
        if self.doubtful and self.doubtful in data:
            return False
        return bool(pc.match_substring_regex(pa.array([data], pa.binary()), self.text)[0].as_py())

    def two_meanings(self, record: bytes) -> bool:
        r"""Return whether the record would be split differently if ``\"`` were an escaped quote."""
        if not self.doubtful or self.doubtful not in record:
            return False
        other = _ends(record, self.escaped_field)
        return other is not None and other != _ends(record, self.strict_field)

    def fields(self, record: bytes) -> list[str]:
        """Return the fields of one record of this grammar; raise ``UnicodeDecodeError`` when it is not UTF-8."""
        found, at = [], 0
        while match := self.strict_field.match(record, at):
            found.append(self._value(match[1]).decode())
            at = match.end()
            if not match[2]:
                break
        return found

    def _value(self, field: bytes) -> bytes:
        if self.quote and field.startswith(self.quote):
            field = field[1:-1] if self.escape else field[1:-1].replace(self.quote * 2, self.quote)
        return self._escapes.sub(rb"\1", field) if self.escape else field

    def for_arrow(self, data: bytes) -> bytes:
        r"""Return records of this grammar in the form that Arrow's parser reads.

        Arrow reads ``\N`` as an escaped N, and drops a byte order mark at the beginning of its input.
        """
        if data.startswith(BOM_UTF8):
            data = BOM_UTF8 + data
        return self._nulls.sub(lambda _: self.escape, data) if self.nulls else data

    def wrong_with(self, line: bytes) -> Reason:
        """Return the reason why a line is not a whole record."""
        if self.opening.match(line):
            return OPEN
        if self.stray.match(line):
            return AFTER_QUOTE
        return ESCAPE if self._misplaced.match(line) else CARRIAGE_RETURN


def _ends(record: bytes, field: re.Pattern[bytes]) -> list[int] | None:
    """Return the offset at which each of the record's fields ends; None when it does not consist of such fields."""
    ends, at = [], 0
    while match := field.match(record, at):
        ends.append(match.end(1))
        at = match.end()
        if not match[2]:
            return ends
    return None


def _compiled(pattern: str, when: Sequence[str] = "always") -> re.Pattern[bytes]:
    """Return the compiled pattern; one that matches nothing if ``when``, the character that it is about, is not set."""
    return re.compile(pattern.encode("latin-1") if when else b"(?!)", re.DOTALL)


_grammar = lru_cache(maxsize=64)(Grammar)


def grammar_of(arrival: Arrival) -> Grammar:
    """Return the grammar that a dataset's files are read with."""
    escape = arrival.escape
    nulls = tuple(null for null in arrival.null_values if escape and null.startswith(escape))
    return _grammar(arrival.delimiter, arrival.quote, escape, nulls)
